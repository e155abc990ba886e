// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.FlowMatchEulerConfig;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.vae.AutoencoderKlHunyuan15;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.vision.Picture;
import org.lvsa.toolkit.vision.Resampling;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * A HunyuanVideo 1.5 model: a published folder, opened and checked, or random weights of the
 * model's sizes. Weights are mapped, so that opening is quick and needs little memory.
 *
 * @param transformer gives velocities
 * @param vae decodes
 * @param scheduler goes from noise level to noise level
 * @param guider the scale of guidance and its other options
 * @param texts embeds prompts
 * @param pictures embeds the picture that a video begins with; empty for a model of text alone
 * @param random what the model is made of where its weights are random
 */
record HunyuanModel(
    HunyuanTransformer transformer,
    AutoencoderKlHunyuan15 vae,
    FlowMatchEulerConfig scheduler,
    GuiderFile guider,
    TextSource texts,
    Optional<PictureSource> pictures,
    Optional<RandomHunyuan> random)
    implements AutoCloseable {
  /** Copies of the latents that the loop, the scheduler and a resume file hold at once. */
  private static final long SAMPLES = 10;

  private static final String SCHEDULER = "scheduler";
  private static final String GUIDER = "guider";
  static final String TEXT_ENCODER = "text_encoder";
  static final String TEXT_ENCODER_2 = "text_encoder_2";
  private static final String TOKENIZER = "tokenizer";
  private static final String TOKENIZER_2 = "tokenizer_2";
  static final String IMAGE_ENCODER = "image_encoder";
  private static final String IMAGE_PROCESSOR = "feature_extractor";
  static final String TRANSFORMER = "transformer";
  static final String VAE = "vae";

  /** Component → classes that are supported. */
  private static Map<String, List<String>> components(boolean withPicture) {
    Map<String, List<String>> known = new LinkedHashMap<>();
    known.put(GUIDER, List.of(GuiderFile.CLASS));
    known.put(SCHEDULER, List.of("FlowMatchEulerDiscreteScheduler"));
    known.put(TEXT_ENCODER, List.of("Qwen2_5_VLTextModel"));
    known.put(TEXT_ENCODER_2, List.of("T5EncoderModel"));
    known.put(TOKENIZER, List.of("Qwen2Tokenizer", "Qwen2TokenizerFast"));
    known.put(TOKENIZER_2, List.of("ByT5Tokenizer"));
    known.put(TRANSFORMER, List.of("HunyuanVideo15Transformer3DModel"));
    known.put(VAE, List.of("AutoencoderKLHunyuanVideo15"));
    if (withPicture) {
      known.put(IMAGE_ENCODER, List.of("SiglipVisionModel"));
      known.put(IMAGE_PROCESSOR, List.of("SiglipImageProcessor", "SiglipImageProcessorFast"));
    }
    return known;
  }

  /**
   * Opens a published folder and checks all of its components against each other.
   *
   * @param withPicture whether it makes videos that begin with a picture
   * @param allowUnused whether weights may hold tensors that nothing reads
   * @throws MalformedFileException naming what is missing, broken, not supported or not of the same
   *     model
   */
  static HunyuanModel open(ModelFolder folder, boolean withPicture, boolean allowUnused) {
    folder.requireComponents(components(withPicture));
    folder.requireOff(Map.of());
    FlowMatchEulerConfig scheduler = scheduler(folder.component(SCHEDULER));
    GuiderFile guider = GuiderFile.read(folder.component(GUIDER).folder());
    if (withPicture) {
      folder.requireWeights(IMAGE_ENCODER);
    }
    Optional<PictureSource> pictures =
        withPicture
            ? Optional.of(
                new PictureSource(
                    folder.component(IMAGE_ENCODER),
                    folder.component(IMAGE_PROCESSOR),
                    allowUnused))
            : Optional.empty();
    HunyuanTransformer transformer =
        HunyuanTransformer.open(folder.component(TRANSFORMER).files(), allowUnused);
    AutoencoderKlHunyuan15 vae = null;
    try {
      vae = AutoencoderKlHunyuan15.open(folder.component(VAE).files(), allowUnused);
      TextSource texts =
          folder.random()
              ? new TextSource.RandomNumbers(transformer.config().texts().text())
              : new TextSource.Encoders(
                  folder.component(TOKENIZER),
                  folder.component(TEXT_ENCODER),
                  folder.component(TOKENIZER_2),
                  folder.component(TEXT_ENCODER_2),
                  allowUnused);
      HunyuanModel model =
          new HunyuanModel(transformer, vae, scheduler, guider, texts, pictures, Optional.empty());
      model.requireOneModel(folder);
      return model;
    } catch (RuntimeException e) {
      transformer.close();
      if (vae != null) {
        vae.close();
      }
      throw e;
    }
  }

  private static FlowMatchEulerConfig scheduler(ModelFolder.Component component) {
    SchedulerConfig config =
        SchedulerConfig.read(component.folder().resolve("scheduler_config.json"));
    if (config instanceof FlowMatchEulerConfig euler) {
      return euler;
    }
    throw new MalformedFileException(
        component.folder()
            + ": HunyuanVideo 1.5 chooses its own noise levels, which only"
            + " FlowMatchEulerDiscreteScheduler takes");
  }

  /**
   * Random weights, the same at every call.
   *
   * @throws org.lvsa.toolkit.backend.UnavailableException if the weights do not fit into the memory
   *     that is free
   */
  static HunyuanModel random(RandomHunyuan sizes) {
    HunyuanConfig config = sizes.transformer();
    TensorShapes tensors = config.tensors();
    TensorShapes vae = AutoencoderKlHunyuan15.shapes(sizes.vae());
    MemoryNeed.require(
        List.of(new MemoryNeed(sizes.toString(), tensors.floatBytes() + vae.floatBytes())));
    return new HunyuanModel(
        new HunyuanTransformer(config, Weights.random(tensors, 1)),
        new AutoencoderKlHunyuan15(sizes.vae(), Weights.random(vae, 2), false),
        sizes.scheduler(),
        sizes.guider(),
        new TextSource.RandomNumbers(config.texts().text()),
        Optional.empty(),
        Optional.of(sizes));
  }

  /** The components' sizes fit together. */
  private void requireOneModel(ModelFolder folder) {
    HunyuanConfig config = transformer.config();
    if (texts instanceof TextSource.Encoders encoders) {
      try (TextEncoders opened = encoders.open()) {
        folder
            .component(TEXT_ENCODER)
            .requireEqual("features", opened.width(), config.texts().text());
        folder
            .component(TEXT_ENCODER_2)
            .requireEqual("features", opened.glyphWidth(), config.texts().glyphs());
      }
    }
    folder
        .component(VAE)
        .requireEqual("latent channels", vae.config().latentChannels(), config.channels().out());
    pictures.ifPresent(source -> source.requireFits(config));
  }

  /**
   * The same model for one of several ranks, which may run at the same time: weights are shared and
   * stay this model's to close.
   */
  HunyuanModel forRank(RankPlace place) {
    return new HunyuanModel(
        transformer.forRank(place), vae, scheduler, guider, texts, pictures, random);
  }

  /** The latents of a video of that size. */
  LatentSize latents(VideoSize size) {
    return size.latents(
        new VideoSize.VaeFactors(
            vae.config().latentChannels(),
            vae.config().temporalFactor(),
            vae.config().spatialFactor()),
        transformer.config().patch().side());
  }

  /** Latent frames as the transformer counts them. */
  int frames(VideoSize size) {
    return latents(size).frames() / transformer.config().patch().frames();
  }

  /**
   * The size that is nearest to a shape, of those that the model was trained with.
   *
   * @param height of the shape
   * @param width of the shape
   */
  Resolution nearest(int height, int width) {
    HunyuanConfig config = transformer.config();
    int unit = vae.config().spatialFactor() * config.patch().side();
    return SizeBuckets.nearest(height, width, config.targetSize(), unit);
  }

  /**
   * Encodes the picture that a video begins with, its middle where the shapes differ.
   *
   * @return empty where the model takes none
   * @throws IllegalArgumentException if a model has to have one and gets none, or the other way
   *     round
   */
  Optional<PictureCondition> condition(GenerationSettings settings) {
    GenerationSettings.Inputs inputs = settings.inputs();
    if (inputs.lastImage().isPresent()) {
      throw new IllegalArgumentException("this model takes no picture to end with");
    }
    if (pictures.isEmpty()) {
      if (inputs.image().isPresent()) {
        throw new IllegalArgumentException("this model takes no picture: it makes videos of texts");
      }
      return Optional.empty();
    }
    Resolution size = settings.size().resolution();
    Picture picture =
        inputs
            .image()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "this model needs a picture that the video begins with: give --image"
                            + " FILE"))
            .covering(size, Resampling.LANCZOS);
    float[] levels = picture.signedLevels();
    float[] mean =
        vae.encode(
                (first, frames) -> frames.memory().copyFrom(MemorySegment.ofArray(levels)),
                1,
                size.height(),
                size.width())
            .mean();
    return Optional.of(new PictureCondition(pictures.get().encode(picture), vae.normalise(mean)));
  }

  /**
   * What a generation takes of the machine's memory, part by part.
   *
   * @param tiling how large frames are cut into tiles; empty to decode them whole
   * @param ranks of this process, each of which denoises
   */
  List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    LatentSize size = latents(settings.size());
    HunyuanConfig config = transformer.config();
    long tokens = (long) size.elements() / size.channels() / config.patch().size();
    long samples = SAMPLES * size.elements() * Float.BYTES;
    int factor = vae.config().spatialFactor();
    int rows = size.height() * factor;
    int columns = size.width() * factor;
    int tileRows = tiling.map(tiles -> Math.min(rows, tiles.tileHeight())).orElse(rows);
    int tileColumns = tiling.map(tiles -> Math.min(columns, tiles.tileWidth())).orElse(columns);
    long decoding =
        AutoencoderKlHunyuan15.decodeBytes(vae.config(), size.frames(), tileRows, tileColumns);
    GuidanceSettings guidance = settings.guidance();
    int batch = guidance.on() && guidance.batched() ? 2 : 1;
    long working = batch * config.workingBytes(tokens + TextTokens.WITH_PADDING);
    List<MemoryNeed> needs = new ArrayList<>();
    needs.add(new MemoryNeed("encoding the prompts", texts.bytes()));
    pictures.ifPresent(
        source ->
            needs.add(
                new MemoryNeed(
                    "encoding the picture", source.encoder().bytes() + vae.weightBytes())));
    needs.add(
        new MemoryNeed(
            MemoryNeed.DENOISING, transformer.weights().bytes() + ranks * (working + samples)));
    needs.add(new MemoryNeed("decoding", vae.weightBytes() + decoding + samples));
    return needs;
  }

  @Override
  public void close() {
    transformer.close();
    vae.close();
  }
}
