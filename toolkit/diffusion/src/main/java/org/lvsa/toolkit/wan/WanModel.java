// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * A Wan text-to-video model: a published folder, opened and checked, or random weights of a model's
 * sizes. Weights are mapped, so that opening is quick and needs little memory.
 */
final class WanModel implements AutoCloseable {
  /** Training horizon of Wan 2.1 in latent frames: 81 video frames. */
  private static final int REFERENCE_FRAMES = 21;

  /** Copies of the latents that the loop, the scheduler and a resume file hold at once. */
  private static final long SAMPLES = 10;

  private static final String TEXT_ENCODER = "text_encoder";
  private static final String TOKENIZER = "tokenizer";
  private static final String TRANSFORMER = "transformer";
  private static final String VAE = "vae";
  private static final String SCHEDULER = "scheduler";

  private final WanTransformer transformer;
  private final AutoencoderKlWan vae;
  private final long vaeBytes;
  private final SchedulerConfig scheduler;
  private final PromptSource prompts;

  private final Optional<RandomWan> sizes;

  private WanModel(
      WanTransformer transformer,
      AutoencoderKlWan vae,
      SchedulerConfig scheduler,
      PromptSource prompts,
      Optional<RandomWan> sizes) {
    this.sizes = sizes;
    this.transformer = transformer;
    this.vae = vae;
    vaeBytes = bytes(AutoencoderKlWan.shapes(vae.config()));
    this.scheduler = scheduler;
    this.prompts = prompts;
  }

  /** Bytes of all tensors as float32. */
  private static long bytes(TensorShapes shapes) {
    return shapes.asMap().values().stream()
        .mapToLong(shape -> shape.stream().reduce((long) Float.BYTES, Math::multiplyExact))
        .sum();
  }

  /** Component → classes that are supported, of a text-to-video pipeline of Wan. */
  private static Map<String, List<String>> components() {
    Map<String, List<String>> known = new LinkedHashMap<>();
    known.put(SCHEDULER, SchedulerConfig.KNOWN.keySet().stream().sorted().toList());
    known.put(TEXT_ENCODER, List.of("UMT5EncoderModel"));
    known.put(TOKENIZER, List.of("T5TokenizerFast", "T5Tokenizer"));
    known.put(TRANSFORMER, List.of("WanTransformer3DModel"));
    known.put(VAE, List.of("AutoencoderKLWan"));
    return known;
  }

  /**
   * Opens a published folder and checks all of its components against each other.
   *
   * @param allowUnused whether weights may hold tensors that nothing reads
   * @throws MalformedFileException naming what is missing, broken, not supported or not of the same
   *     model
   */
  public static WanModel open(ModelFolder folder, boolean allowUnused) {
    folder.requireComponents(components());
    folder.requireOff(
        Map.of(
            "boundary_ratio", "Wan 2.2's pair of transformers",
            "expand_timesteps", "a time step for each token, of Wan 2.2 TI2V"));
    SchedulerConfig scheduler =
        SchedulerConfig.read(folder.component(SCHEDULER).folder().resolve("scheduler_config.json"));
    PromptSource.Encoder prompts =
        new PromptSource.Encoder(
            folder.component(TOKENIZER), folder.component(TEXT_ENCODER), allowUnused);
    WanTransformer transformer =
        WanTransformer.open(folder.component(TRANSFORMER).folder(), allowUnused);
    AutoencoderKlWan vae = null;
    try {
      vae = AutoencoderKlWan.open(folder.component(VAE).folder(), allowUnused);
      WanModel model = new WanModel(transformer, vae, scheduler, prompts, Optional.empty());
      model.requireOneModel(folder, prompts);
      return model;
    } catch (RuntimeException e) {
      transformer.close();
      if (vae != null) {
        vae.close();
      }
      throw e;
    }
  }

  /**
   * Random weights, the same at every call.
   *
   * @throws org.lvsa.toolkit.backend.UnavailableException if the weights do not fit into the memory
   *     that is free
   */
  public static WanModel random(RandomWan sizes) {
    WanConfig config = sizes.transformer();
    TensorShapes vaeShapes = AutoencoderKlWan.shapes(sizes.vae());
    MemoryNeed.require(
        List.of(new MemoryNeed(sizes.toString(), bytes(config.tensors()) + bytes(vaeShapes))));
    return new WanModel(
        WanTransformer.randomWeights(config, 1),
        new AutoencoderKlWan(sizes.vae(), Weights.random(vaeShapes, 2), false),
        sizes.scheduler(),
        new PromptSource.RandomNumbers(config.textWidth()),
        Optional.of(sizes));
  }

  /** The components' sizes fit together. */
  private void requireOneModel(ModelFolder folder, PromptSource.Encoder prompts) {
    try (PromptEncoder encoder = prompts.open()) {
      requireEqual(
          folder.component(TEXT_ENCODER),
          "features of an embedding",
          encoder.width(),
          config().textWidth());
    }
    int channels = vae.config().latentChannels();
    requireEqual(folder.component(VAE), "latent channels", channels, config().channels().in());
    requireEqual(folder.component(VAE), "latent channels", channels, config().channels().out());
  }

  private static void requireEqual(
      ModelFolder.Component component, String what, int its, int transformers) {
    if (its != transformers) {
      throw new MalformedFileException(
          component.folder()
              + ": the "
              + component.name()
              + " has "
              + its
              + " "
              + what
              + ", the transformer "
              + transformers
              + ": they are not of one model");
    }
  }

  /**
   * The same model for another rank of this process, which runs at the same time: weights are
   * shared and stay this model's to close.
   */
  public WanModel forAnotherRank() {
    return new WanModel(
        new WanTransformer(transformer.config(), transformer.weights()),
        vae,
        scheduler,
        prompts,
        sizes);
  }

  /** Sizes of the transformer. */
  public WanConfig config() {
    return transformer.config();
  }

  /** The latents of a video of that size. */
  public LatentSize latents(VideoSize size) {
    return size.latents(
        new VideoSize.VaeFactors(
            vae.config().latentChannels(),
            vae.config().temporalFactor(),
            vae.config().spatialFactor()),
        config().patch().rows());
  }

  /**
   * Settings of LVSA that the model itself gives, where nobody else does: its training horizon, how
   * latents lie, and runs per step.
   */
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return Map.of(
        Setting.LVSA_REFERENCE_LATENT_FRAMES,
        Integer.toString(REFERENCE_FRAMES),
        Setting.LVSA_CFG_PASSES,
        Integer.toString(settings.guidance().passes()));
  }

  /**
   * What a generation takes of the machine's memory, part by part.
   *
   * @param tiling how large frames are cut into tiles; empty to decode them whole
   * @param ranks of this process, each of which denoises
   */
  public List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    LatentSize size = latents(settings.size());
    int patch = config().patch().rows();
    long tokens = (long) size.frames() * (size.height() / patch) * (size.width() / patch);
    int batch = settings.guidance().on() && settings.guidance().batched() ? 2 : 1;
    long samples = SAMPLES * size.elements() * Float.BYTES;
    int factor = vae.config().spatialFactor();
    int rows = size.height() * factor;
    int columns = size.width() * factor;
    long decoding =
        tiling
            .map(
                tiles ->
                    AutoencoderKlWan.decodeBytes(
                        vae.config(),
                        Math.min(rows, tiles.tileHeight()),
                        Math.min(columns, tiles.tileWidth())))
            .orElseGet(() -> AutoencoderKlWan.decodeBytes(vae.config(), rows, columns));
    return List.of(
        new MemoryNeed("encoding the prompts", prompts.bytes()),
        new MemoryNeed(
            "denoising",
            transformer.weights().bytes()
                + ranks * (config().workingBytes(batch, tokens) + samples)),
        // Convolutions hold their weights in an order of their own beside those of the file.
        new MemoryNeed("decoding", 2 * vaeBytes + decoding + samples));
  }

  /** The resolution where none is asked for. */
  Resolution defaultResolution() {
    return sizes.map(RandomWan::resolution).orElse(new Resolution(832, 480));
  }

  @Override
  public String toString() {
    return sizes.map(RandomWan::toString).orElse("Wan");
  }

  WanTransformer transformer() {
    return transformer;
  }

  AutoencoderKlWan vae() {
    return vae;
  }

  SchedulerConfig scheduler() {
    return scheduler;
  }

  PromptSource prompts() {
    return prompts;
  }

  @Override
  public void close() {
    transformer.close();
    vae.close();
  }
}
