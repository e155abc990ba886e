// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.CogVideoXSchedulerConfig;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.vae.AutoencoderKlCogVideoX;
import org.lvsa.toolkit.vae.CogVideoXVaeConfig;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * A CogVideoX model: a published folder, opened and checked, or random weights of a model's sizes.
 * Weights are mapped, so that opening is quick and needs little memory.
 *
 * @param transformer closed together with the model
 * @param vae closed together with the model
 * @param scheduler settings of DDIM or DPM
 * @param prompts makes embeddings
 * @param title what the model is, in words
 * @param resolution where none is asked for
 */
record CogVideoXModel(
    CogVideoXTransformer transformer,
    AutoencoderKlCogVideoX vae,
    CogVideoXSchedulerConfig scheduler,
    PromptSource prompts,
    String title,
    Resolution resolution)
    implements AutoCloseable {
  /** Copies of the latents that the loop, the scheduler and a resume file hold at once. */
  private static final long SAMPLES = 10;

  /**
   * The size that CogVideoX 1.5 was made for. The size in its settings is the largest one that has
   * positions.
   */
  private static final Resolution OF_TEMPORAL_PATCHES = new Resolution(1360, 768);

  static final String TEXT_ENCODER = "text_encoder";
  private static final String TOKENIZER = "tokenizer";
  static final String TRANSFORMER = "transformer";
  static final String VAE = "vae";
  private static final String SCHEDULER = "scheduler";

  private static Map<String, List<String>> components() {
    Map<String, List<String>> known = new LinkedHashMap<>();
    known.put(SCHEDULER, List.of("CogVideoXDDIMScheduler", "CogVideoXDPMScheduler"));
    known.put(TEXT_ENCODER, List.of("T5EncoderModel"));
    known.put(TOKENIZER, List.of("T5Tokenizer", "T5TokenizerFast"));
    known.put(TRANSFORMER, List.of("CogVideoXTransformer3DModel"));
    known.put(VAE, List.of("AutoencoderKLCogVideoX"));
    return known;
  }

  /**
   * Opens a published folder and checks all of its components against each other.
   *
   * @param allowUnused whether weights may hold tensors that nothing reads
   * @throws MalformedFileException naming what is missing, broken, not supported or not of the same
   *     model
   */
  static CogVideoXModel open(ModelFolder folder, boolean allowUnused) {
    folder.requireComponents(components());
    folder.requireOff(Map.of());
    CogVideoXSchedulerConfig scheduler = scheduler(folder.component(SCHEDULER).folder());
    CogVideoXTransformer transformer =
        CogVideoXTransformer.open(folder.component(TRANSFORMER).files(), allowUnused);
    AutoencoderKlCogVideoX vae = null;
    try {
      vae = AutoencoderKlCogVideoX.open(folder.component(VAE).files(), allowUnused);
      CogVideoXConfig config = transformer.config();
      PromptSource prompts =
          folder.random()
              ? new PromptSource.RandomNumbers(config.text())
              : new PromptSource.Encoder(
                  folder.component(TOKENIZER),
                  folder.component(TEXT_ENCODER),
                  config.text().tokens(),
                  allowUnused);
      requireOneModel(folder, config, vae.config(), prompts);
      return new CogVideoXModel(
          transformer, vae, scheduler, prompts, "CogVideoX", resolution(config, vae.config()));
    } catch (RuntimeException e) {
      transformer.close();
      if (vae != null) {
        vae.close();
      }
      throw e;
    }
  }

  private static CogVideoXSchedulerConfig scheduler(Path folder) {
    Path file = folder.resolve("scheduler_config.json");
    if (SchedulerConfig.read(file) instanceof CogVideoXSchedulerConfig config) {
      return config;
    }
    throw new MalformedFileException(
        file + ": CogVideoX needs one of " + String.join(", ", components().get(SCHEDULER)));
  }

  private static Resolution resolution(CogVideoXConfig config, CogVideoXVaeConfig vae) {
    int width = config.sample().width() * vae.spatialFactor();
    int height = config.sample().height() * vae.spatialFactor();
    return config.patch().temporal()
        ? new Resolution(
            Math.min(width, OF_TEMPORAL_PATCHES.width()),
            Math.min(height, OF_TEMPORAL_PATCHES.height()))
        : new Resolution(width, height);
  }

  /** The components' sizes fit together. */
  private static void requireOneModel(
      ModelFolder folder, CogVideoXConfig config, CogVideoXVaeConfig vae, PromptSource prompts) {
    if (prompts instanceof PromptSource.Encoder published) {
      try (TextEncoder encoder = published.open()) {
        folder
            .component(TEXT_ENCODER)
            .requireEqual("features of an embedding", encoder.width(), config.text().width());
      }
    }
    ModelFolder.Component component = folder.component(VAE);
    component.requireEqual("latent channels", vae.latentChannels(), config.channels().in());
    component.requireEqual("latent channels", vae.latentChannels(), config.channels().out());
    component.requireEqual(
        "frames per latent frame", vae.temporalFactor(), config.sample().temporalFactor());
  }

  /**
   * Random weights, the same at every call.
   *
   * @throws org.lvsa.toolkit.backend.UnavailableException if the weights do not fit into the memory
   *     that is free
   */
  static CogVideoXModel random(RandomCogVideoX sizes) {
    CogVideoXConfig config = sizes.transformer();
    TensorShapes vaeShapes = AutoencoderKlCogVideoX.shapes(sizes.vae());
    MemoryNeed.require(
        List.of(
            new MemoryNeed(
                sizes.toString(), config.tensors().floatBytes() + vaeShapes.floatBytes())));
    return new CogVideoXModel(
        CogVideoXTransformer.randomWeights(config, 1),
        new AutoencoderKlCogVideoX(sizes.vae(), Weights.random(vaeShapes, 2), false),
        sizes.scheduler(),
        new PromptSource.RandomNumbers(config.text()),
        sizes.toString(),
        sizes.resolution());
  }

  /**
   * The same model for one of several ranks, which may run at the same time: weights are shared and
   * stay this model's to close.
   */
  CogVideoXModel forRank(RankPlace place) {
    return new CogVideoXModel(
        transformer.forRank(place), vae, scheduler, prompts, title, resolution);
  }

  /** Sizes of the transformer. */
  CogVideoXConfig config() {
    return transformer.config();
  }

  /** The latents of a video, without the frames that fill up the last patch over time. */
  LatentSize unpadded(VideoSize size) {
    CogVideoXVaeConfig of = vae.config();
    return size.latents(
        new VideoSize.VaeFactors(of.latentChannels(), of.temporalFactor(), of.spatialFactor()),
        config().patch().side());
  }

  /** The latents that are denoised. */
  LatentSize latents(VideoSize size) {
    LatentSize video = unpadded(size);
    int patch = config().patch().frames();
    return new LatentSize(
        video.channels(),
        Math.ceilDiv(video.frames(), patch) * patch,
        video.height(),
        video.width(),
        true);
  }

  /**
   * What a generation takes of the machine's memory, part by part.
   *
   * @param tiling how large frames are cut into tiles; empty to decode them whole
   * @param ranks of this process, each of which denoises
   */
  List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    LatentSize size = latents(settings.size());
    CogVideoXConfig.Patch patch = config().patch();
    long tokens =
        (long) (size.frames() / patch.frames())
            * (size.height() / patch.side())
            * (size.width() / patch.side());
    long samples = SAMPLES * size.elements() * Float.BYTES;
    Resolution pixels = settings.size().resolution();
    int rows = tiling.map(t -> Math.min(pixels.height(), t.tileHeight())).orElse(pixels.height());
    int columns = tiling.map(t -> Math.min(pixels.width(), t.tileWidth())).orElse(pixels.width());
    return List.of(
        new MemoryNeed("encoding the prompts", prompts.bytes()),
        new MemoryNeed(
            MemoryNeed.DENOISING,
            transformer.weights().bytes()
                + ranks
                    * (config().workingBytes(settings.guidance().on() ? 2 : 1, tokens) + samples)),
        new MemoryNeed(
            "decoding",
            vae.weightBytes()
                + AutoencoderKlCogVideoX.decodeBytes(vae.config(), size.frames(), rows, columns)
                + samples));
  }

  @Override
  public void close() {
    transformer.close();
    vae.close();
  }
}
