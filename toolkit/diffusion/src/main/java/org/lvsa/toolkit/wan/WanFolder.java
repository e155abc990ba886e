// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.schedulers.FlowSchedulerConfig;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vision.ClipImageEncoder;
import org.lvsa.toolkit.wan.WanModel.Pictures;

/** Opens a published Wan folder and checks all of its components against each other. */
final class WanFolder {
  static final String TEXT_ENCODER = "text_encoder";
  private static final String TOKENIZER = "tokenizer";
  static final String VAE = "vae";
  private static final String SCHEDULER = "scheduler";
  static final String IMAGE_ENCODER = "image_encoder";
  private static final String IMAGE_PROCESSOR = "image_processor";
  private static final String BOUNDARY = "boundary_ratio";
  private static final String EXPAND = "expand_timesteps";

  private final ModelFolder folder;
  private final String pipelineClass;
  private final boolean allowUnused;

  private WanFolder(ModelFolder folder, String pipelineClass, boolean allowUnused) {
    this.folder = folder;
    this.pipelineClass = pipelineClass;
    this.allowUnused = allowUnused;
  }

  /**
   * Opens a folder.
   *
   * @param pipelineClass the class to open it as, which may be another than the index says
   * @param allowUnused whether weights may hold tensors that nothing reads
   * @throws MalformedFileException naming what is missing, broken, not supported or not of the same
   *     model
   */
  static WanModel open(ModelFolder folder, String pipelineClass, boolean allowUnused) {
    return new WanFolder(folder, pipelineClass, allowUnused).open();
  }

  /** Component → classes that are supported. */
  private Map<String, List<String>> components() {
    Map<String, List<String>> known = new LinkedHashMap<>();
    known.put(SCHEDULER, SchedulerConfig.KNOWN.keySet().stream().sorted().toList());
    known.put(TEXT_ENCODER, List.of("UMT5EncoderModel"));
    known.put(TOKENIZER, List.of("T5TokenizerFast", "T5Tokenizer"));
    known.put(Transformers.FIRST, List.of("WanTransformer3DModel"));
    known.put(Transformers.SECOND, List.of("WanTransformer3DModel"));
    known.put(VAE, List.of("AutoencoderKLWan"));
    if (pipelineClass.equals(WanImageToVideoPipelineType.CLASS)) {
      known.put(IMAGE_ENCODER, List.of("CLIPVisionModel", "CLIPVisionModelWithProjection"));
      known.put(IMAGE_PROCESSOR, List.of("CLIPImageProcessor", "CLIPImageProcessorFast"));
    }
    return known;
  }

  private WanModel open() {
    folder.requireComponents(
        components(),
        Set.of(Transformers.FIRST, Transformers.SECOND, IMAGE_ENCODER, IMAGE_PROCESSOR));
    folder.requireOff(Map.of(), Set.of(BOUNDARY, EXPAND));
    OptionalDouble boundary = folder.number(BOUNDARY);
    if (boundary.isPresent() && !(boundary.getAsDouble() >= 0 && boundary.getAsDouble() <= 1)) {
      throw folder.wrong(BOUNDARY, "from 0 to 1");
    }
    Transformers transformers = transformers();
    AutoencoderKlWan vae = null;
    try {
      vae = AutoencoderKlWan.open(folder.component(VAE).files(), allowUnused);
      Pictures pictures = pictures(transformers.config(), vae);
      WanModel.Parts parts =
          new WanModel.Parts(
              transformers,
              vae,
              scheduler(transformers.pair() || boundary.isPresent()),
              prompts(transformers.config()),
              clip(transformers.config()));
      requireOneModel(parts);
      return new WanModel(
          parts, new WanModel.Traits(pipelineClass, pictures, boundary), Optional.empty());
    } catch (RuntimeException e) {
      transformers.close();
      if (vae != null) {
        vae.close();
      }
      throw e;
    }
  }

  private PromptSource prompts(WanConfig config) {
    return folder.random()
        ? new PromptSource.RandomNumbers(config.textWidth())
        : new PromptSource.Encoder(
            folder.component(TOKENIZER), folder.component(TEXT_ENCODER), allowUnused);
  }

  private Transformers transformers() {
    Optional<ModelFolder.Component> first = folder.find(Transformers.FIRST);
    Optional<ModelFolder.Component> second = folder.find(Transformers.SECOND);
    if (first.isEmpty() && second.isEmpty()) {
      folder.component(Transformers.FIRST);
    }
    Optional<WanTransformer> high = first.map(this::transformer);
    try {
      Transformers all = new Transformers(high, second.map(this::transformer));
      if (all.pair() && !all.first().get().config().equals(all.second().get().config())) {
        all.second().get().close();
        throw new MalformedFileException(
            second.get().folder()
                + ": the second transformer has other sizes than the first: they are not of one"
                + " model");
      }
      return all;
    } catch (RuntimeException e) {
      high.ifPresent(WanTransformer::close);
      throw e;
    }
  }

  private WanTransformer transformer(ModelFolder.Component component) {
    return WanTransformer.open(component.files(), allowUnused);
  }

  private FlowSchedulerConfig scheduler(boolean boundary) {
    Path file = folder.component(SCHEDULER).folder().resolve("scheduler_config.json");
    if (!(SchedulerConfig.read(file) instanceof FlowSchedulerConfig flow)) {
      throw new MalformedFileException(file + ": Wan needs a scheduler for flow models");
    }
    if (boundary && flow.trainSteps() != GuidanceSettings.TIMESTEPS) {
      throw new MalformedFileException(
          file
              + ": num_train_timesteps must be "
              + GuidanceSettings.TIMESTEPS
              + " for a boundary between two transformers, got "
              + flow.trainSteps());
    }
    return flow;
  }

  /** How the model is told of pictures, by the channels that the transformer takes. */
  private Pictures pictures(WanConfig config, AutoencoderKlWan vae) {
    int latent = vae.config().latentChannels();
    int beside = 2 * latent + vae.config().temporalFactor();
    boolean forPictures = pipelineClass.equals(WanImageToVideoPipelineType.CLASS);
    if (folder.flag(EXPAND)) {
      requireChannels(config, latent, "of latents whose first frame may be a picture");
      return Pictures.FIRST_FRAME;
    }
    if (forPictures) {
      requireChannels(config, beside, "of latents, mask and picture");
      return Pictures.BESIDE;
    }
    if (config.channels().in() == beside) {
      throw new MalformedFileException(
          transformerFolder()
              + ": the transformer takes channels of a picture: open it with the pipeline "
              + WanImageToVideoPipelineType.CLASS);
    }
    requireChannels(config, latent, "of latents");
    return Pictures.NONE;
  }

  private void requireChannels(WanConfig config, int channels, String what) {
    if (config.channels().in() != channels) {
      throw new MalformedFileException(
          transformerFolder()
              + ": the transformer takes "
              + config.channels().in()
              + " channels, needed are "
              + channels
              + " "
              + what
              + ": it is not of this kind of model, or not of one model with the vae");
    }
  }

  private Path transformerFolder() {
    return folder
        .find(Transformers.FIRST)
        .orElseGet(() -> folder.component(Transformers.SECOND))
        .folder();
  }

  private Optional<PictureEncoder.Clip> clip(WanConfig config) {
    if (config.image().isEmpty()) {
      return Optional.empty();
    }
    folder.requireWeights(IMAGE_ENCODER);
    return Optional.of(
        new PictureEncoder.Clip(
            folder.component(IMAGE_ENCODER), folder.component(IMAGE_PROCESSOR), allowUnused));
  }

  /** The components' sizes fit together. */
  private void requireOneModel(WanModel.Parts parts) {
    WanConfig config = parts.transformers().config();
    if (parts.prompts() instanceof PromptSource.Encoder published) {
      try (PromptEncoder encoder = published.open()) {
        requireEqual(TEXT_ENCODER, "features of an embedding", encoder.width(), config.textWidth());
      }
    }
    requireEqual(
        VAE, "latent channels", parts.vae().config().latentChannels(), config.channels().out());
    if (parts.clip().isPresent()) {
      WanConfig.ImageTokens image = config.image().orElseThrow();
      try (ClipImageEncoder encoder = parts.clip().get().open()) {
        int side = encoder.config().patches().side();
        Resolution crop = parts.clip().get().preprocessing().crop();
        if (crop.width() != side || crop.height() != side) {
          throw new MalformedFileException(
              folder.component(IMAGE_PROCESSOR).folder()
                  + ": crop_size must be what the image encoder takes, "
                  + side
                  + "x"
                  + side
                  + ", got "
                  + crop);
        }
        requireEqual(IMAGE_ENCODER, "features of a token", encoder.config().width(), image.width());
        if (image.positions().isPresent()) {
          requireEqual(
              IMAGE_ENCODER,
              "tokens of two pictures",
              2 * encoder.tokens(),
              image.positions().getAsInt());
        }
      }
    }
  }

  private void requireEqual(String name, String what, int its, int transformers) {
    folder.component(name).requireEqual(what, its, transformers);
  }
}
