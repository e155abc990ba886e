// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.FlowSchedulerConfig;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * A Wan model: a published folder that {@link WanFolder} opened and checked, or random weights of a
 * model's sizes. Weights are mapped, so that opening is quick and needs little memory.
 *
 * @param parts its components
 * @param traits what tells it from other models of the family
 * @param sizes of a model with random weights
 */
record WanModel(Parts parts, Traits traits, Optional<RandomWan> sizes) implements AutoCloseable {
  /**
   * The components of a model.
   *
   * @param clip its image encoder, where the transformer takes tokens of pictures
   */
  record Parts(
      Transformers transformers,
      AutoencoderKlWan vae,
      FlowSchedulerConfig scheduler,
      PromptSource prompts,
      Optional<PictureEncoder.Clip> clip) {}

  /** How a model is told of pictures. */
  enum Pictures {
    /** Not at all: text to video. */
    NONE,
    /** By channels beside the latents, in each video. */
    BESIDE,
    /** By the first latent frame, if there is a picture (Wan 2.2 TI2V). */
    FIRST_FRAME
  }

  /**
   * What tells a model from others of the family.
   *
   * @param pipelineClass the class of its pipeline
   * @param pictures how it is told of pictures
   * @param boundaryRatio noise level at which the second of two transformers takes over
   */
  record Traits(String pipelineClass, Pictures pictures, OptionalDouble boundaryRatio) {}

  /**
   * Random weights of a text-to-video model, the same at every call.
   *
   * @throws org.lvsa.toolkit.backend.UnavailableException if the weights do not fit into the memory
   *     that is free
   */
  static WanModel random(RandomWan sizes) {
    WanConfig config = sizes.transformer();
    TensorShapes vaeShapes = AutoencoderKlWan.shapes(sizes.vae());
    MemoryNeed.require(
        List.of(
            new MemoryNeed(
                sizes.toString(), config.tensors().floatBytes() + vaeShapes.floatBytes())));
    Parts parts =
        new Parts(
            new Transformers(WanTransformer.randomWeights(config, 1)),
            new AutoencoderKlWan(sizes.vae(), Weights.random(vaeShapes, 2), false),
            sizes.scheduler(),
            new PromptSource.RandomNumbers(config.textWidth()),
            Optional.empty());
    Traits traits = new Traits(WanPipelineType.CLASS, Pictures.NONE, OptionalDouble.empty());
    return new WanModel(parts, traits, Optional.of(sizes));
  }

  /**
   * The same model for one of several ranks, which may run at the same time: weights are shared and
   * stay this model's to close.
   */
  WanModel forRank(RankPlace place) {
    Parts others =
        new Parts(
            parts.transformers().forRank(place),
            parts.vae(),
            parts.scheduler(),
            parts.prompts(),
            parts.clip());
    return new WanModel(others, traits, sizes);
  }

  /** Sizes of the transformer. */
  WanConfig config() {
    return parts.transformers().config();
  }

  /** The latents of a video of that size. */
  LatentSize latents(VideoSize size) {
    return size.latents(
        new VideoSize.VaeFactors(
            parts.vae().config().latentChannels(),
            parts.vae().config().temporalFactor(),
            parts.vae().config().spatialFactor()),
        config().patch().rows(),
        config().patch().columns());
  }

  /** What it takes and makes, beyond a prompt and a video. */
  Set<Capability> capabilities() {
    Set<Capability> capabilities = EnumSet.of(Capability.FLOW_SHIFT, Capability.IMAGE_OUTPUT);
    if (traits.pictures() != Pictures.NONE) {
      capabilities.add(Capability.IMAGE_INPUT);
    }
    if (takesLastPicture()) {
      capabilities.add(Capability.LAST_IMAGE_INPUT);
    }
    if (parts.transformers().pair() || traits.boundaryRatio().isPresent()) {
      capabilities.add(Capability.SECOND_GUIDANCE);
    }
    return capabilities;
  }

  /** The pictures without which it makes no video. */
  Set<Capability> required() {
    Set<Capability> required = EnumSet.noneOf(Capability.class);
    if (traits.pictures() == Pictures.BESIDE) {
      required.add(Capability.IMAGE_INPUT);
    }
    if (needsLastPicture()) {
      required.add(Capability.LAST_IMAGE_INPUT);
    }
    return required;
  }

  /** Tokens of one picture leave no place for a second one's. */
  private boolean takesLastPicture() {
    return traits.pictures() == Pictures.BESIDE
        && (config().image().isEmpty() || needsLastPicture());
  }

  private boolean needsLastPicture() {
    return config().image().isPresent() && config().image().get().positions().isPresent();
  }

  /** Refuses settings whose pictures or guidance are not what the model needs. */
  void check(GenerationSettings settings) {
    GenerationSettings.Inputs inputs = settings.inputs();
    if (inputs.lastImage().isPresent() && !takesLastPicture()) {
      throw new IllegalArgumentException("this model takes no picture to end with");
    }
    if (inputs.image().isPresent() && traits.pictures() == Pictures.NONE) {
      throw new IllegalArgumentException("this model takes no picture: it makes videos of texts");
    }
    if (inputs.image().isEmpty()
        && (traits.pictures() == Pictures.BESIDE || inputs.lastImage().isPresent())) {
      throw new IllegalArgumentException(
          "this model needs a picture that the video begins with: give --image FILE");
    }
    if (needsLastPicture() && inputs.lastImage().isEmpty()) {
      throw new IllegalArgumentException(
          "this model needs a picture that the video ends with: give --last-image FILE");
    }
    guidance(settings);
  }

  /** The guidance that is asked for, with the model's own boundary where none is asked for. */
  GuidanceSettings guidance(GenerationSettings settings) {
    GuidanceSettings asked = settings.guidance();
    boolean none = asked.boundaryRatio().isEmpty() && traits.boundaryRatio().isEmpty();
    if (none && (parts.transformers().pair() || asked.second().isPresent())) {
      throw new IllegalArgumentException(
          "model_index.json says no boundary_ratio between the two transformers: give"
              + " --boundary-ratio, published models have 0.875 or 0.9");
    }
    return none || asked.boundaryRatio().isPresent()
        ? asked
        : asked.withBoundary(traits.boundaryRatio().getAsDouble());
  }

  /**
   * Settings of LVSA that the model itself gives, where nobody else does: its training horizon in
   * latent frames, video frames of a latent frame, and runs per step.
   */
  Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return Map.of(
        Setting.LVSA_REFERENCE_LATENT_FRAMES,
        Integer.toString(horizon()),
        Setting.LVSA_VAE_TEMPORAL_FACTOR,
        Integer.toString(parts.vae().config().temporalFactor()),
        Setting.LVSA_CFG_PASSES,
        Integer.toString(settings.guidance().passes()));
  }

  /** Whether each latent frame may have a time step of its own. */
  boolean frameTimes() {
    return traits.pictures() == Pictures.FIRST_FRAME;
  }

  /** Tokens of pictures that the transformer takes: those of one, or of the first and the last. */
  int pictureTokens() {
    return parts.clip().orElseThrow().tokens() * (needsLastPicture() ? 2 : 1);
  }

  /**
   * The training horizon in latent frames: what the transformer's settings say, else 81 video
   * frames, and 121 of Wan 2.2 TI2V.
   */
  int horizon() {
    OptionalInt frames = config().trained().frames();
    return frames.isPresent()
        ? parts.vae().config().latentFrames(frames.getAsInt())
        : traits.pictures() == Pictures.FIRST_FRAME ? 31 : 21;
  }

  /** What is taken where a user does not say: what the publishers generate with. */
  PipelineDefaults defaults() {
    if (traits.pictures() == Pictures.FIRST_FRAME) {
      return new PipelineDefaults(new Resolution(1280, 704), 121, 50, 5, 24);
    }
    Resolution resolution =
        sizes.map(RandomWan::resolution).orElseGet(() -> new Resolution(832, 480));
    return parts.transformers().pair()
        ? new PipelineDefaults(resolution, 81, 40, 4, 16)
        : new PipelineDefaults(resolution, 81, 50, 5, 16);
  }

  @Override
  public String toString() {
    return sizes.map(RandomWan::toString).orElse("Wan");
  }

  @Override
  public void close() {
    parts.transformers().close();
    parts.vae().close();
  }
}
