// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.kernels.Progress;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.offload.OffloadableComponents;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.FrameCut;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Text or pictures to video with a Wan model (Wan team 2025): prompts and pictures are encoded,
 * noise is denoised step by step with the transformer, or with one for high and one for low noise,
 * and the VAE decodes the latents to frames.
 */
public final class WanPipeline implements VideoPipeline, OffloadableComponents {
  private final WanModel model;

  /**
   * A pipeline.
   *
   * @param model closed together with the pipeline
   */
  WanPipeline(WanModel model) {
    this.model = model;
  }

  @Override
  public String className() {
    return model.traits().pipelineClass();
  }

  @Override
  public List<String> transformers() {
    return model.parts().transformers().names();
  }

  @Override
  public List<String> encoders() {
    return model.parts().clip().isPresent()
        ? List.of(WanFolder.TEXT_ENCODER, WanFolder.IMAGE_ENCODER)
        : List.of(WanFolder.TEXT_ENCODER);
  }

  @Override
  public List<String> vaes() {
    return List.of(WanFolder.VAE);
  }

  @Override
  public List<String> blockLists() {
    return transformers().stream().map(name -> name + "." + WanTransformer.BLOCKS).toList();
  }

  @Override
  public Optional<Component> component(String name) {
    WanModel.Parts parts = model.parts();
    return switch (name) {
      case WanFolder.VAE -> Optional.of(new Component.Open(parts.vae().weights()));
      case WanFolder.TEXT_ENCODER ->
          Optional.of(new Component.OpenedPerUse(parts.prompts().bytes()));
      case WanFolder.IMAGE_ENCODER ->
          parts.clip().map(clip -> new Component.OpenedPerUse(clip.encoder().bytes()));
      default ->
          parts.transformers().names().contains(name)
              ? Optional.of(new Component.Open(parts.transformers().named(name).weights()))
              : Optional.empty();
    };
  }

  @Override
  public Set<Capability> capabilities() {
    return model.capabilities();
  }

  @Override
  public Set<Capability> required() {
    return model.required();
  }

  @Override
  public PipelineDefaults defaults() {
    return model.defaults();
  }

  @Override
  public Map<String, Integer> geometry() {
    WanConfig config = model.config();
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("layers", config.layers());
    sizes.put("heads", config.heads());
    sizes.put("head_dim", config.headDim());
    sizes.put("feed_forward", config.feedForward());
    sizes.put("text_width", config.textWidth());
    return sizes;
  }

  @Override
  public LatentSize latents(VideoSize size) {
    return model.latents(size);
  }

  @Override
  public AttendedVideo attended(VideoSize size) {
    return new AttendedVideo(
        "wan",
        model.latents(size).frames(),
        new Hook("WanSelfAttention", model.config().layers(), Optional.of(Setting.LVSA_WAN_HOOK)));
  }

  @Override
  public void riflex(double scale) {
    model.parts().transformers().riflex(model.horizon(), scale);
  }

  @Override
  public void transformerOnDevice(
      DeviceChoice choice, Optional<VideoSize> size, Progress progress) {
    TransformerOnDevice.Placing placing = new TransformerOnDevice.Placing(choice, progress);
    DeviceWan first =
        model.parts().transformers().onDevice(new DeviceWan.Placing(placing, model.frameTimes()));
    size.ifPresent(one -> first.prepare(choice.room(deviceSizes(one).video())));
    if (choice.vae()) {
      AutoencoderKlWan vae = model.parts().vae();
      vae.decodeOnDevice(placing::openDecoder, progress);
      size.filter(one -> !choice.turns())
          .ifPresent(one -> vae.prepareDevice(model.latents(one), choice.tiling()));
    }
  }

  @Override
  public boolean decodesOnDevice() {
    return true;
  }

  @Override
  public DeviceMemory.Sizes deviceSizes(VideoSize size) {
    int pictures = model.config().image().isPresent() ? model.pictureTokens() : 0;
    LatentSize latents = model.latents(size);
    DeviceMemory.Decoder decoder =
        new DeviceMemory.Decoder(
            model.parts().vae().decoderShape(), latents, model.parts().vae().config().patch());
    return DeviceWan.sizes(model.config(), latents, pictures, model.frameTimes(), decoder);
  }

  @Override
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return model.attentionDefaults(settings);
  }

  @Override
  public void check(RankGroups ranks) {
    WanConfig config = model.config();
    WeightShare.check(config.heads(), config.feedForward(), ranks.tensor());
  }

  @Override
  public List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    return WanMemory.needs(model, settings, tiling, ranks);
  }

  @Override
  public Denoising prepare(GenerationSettings settings) {
    model.check(settings);
    PromptEmbeddings prompts = prompts(settings);
    try {
      PictureEncoder pictures = new PictureEncoder(model.parts().vae(), model.parts().clip());
      Optional<INDArray> tokens = pictures.tokens(settings.inputs());
      LatentCondition condition = condition(settings, pictures);
      return new WanDenoising(
          model, settings, new WanDenoising.Encoded(prompts, tokens, condition));
    } catch (RuntimeException e) {
      prompts.close();
      throw e;
    }
  }

  private PromptEmbeddings prompts(GenerationSettings settings) {
    try (PhaseEvent _ = PhaseEvent.begin(PhaseEvent.PROMPTS)) {
      return model.parts().prompts().encode(settings.prompts());
    }
  }

  private LatentCondition condition(GenerationSettings settings, PictureEncoder pictures) {
    VideoSize size = settings.size();
    LatentSize latents = model.latents(size);
    return switch (model.traits().pictures()) {
      case NONE -> new LatentCondition.None();
      case BESIDE -> pictures.beside(size, latents, settings.inputs());
      case FIRST_FRAME ->
          settings
              .inputs()
              .image()
              .<LatentCondition>map(picture -> pictures.first(size, latents, picture))
              .orElseGet(LatentCondition.None::new);
    };
  }

  @Override
  public void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink) {
    float[] denormalised = model.parts().vae().denormalise(latents);
    LatentSize latentSize = model.latents(size);
    if (tiling.isPresent()) {
      model.parts().vae().decodeTiled(denormalised, latentSize, tiling.get(), sink);
    } else {
      model.parts().vae().decode(denormalised, latentSize, sink);
    }
  }

  @Override
  public DecodedTiles decodeTiles(
      VideoSize size, float[] latents, FrameCut cut, Communicator ranks) {
    AutoencoderKlWan whole = model.parts().vae();
    float[] denormalised = whole.denormalise(latents);
    if (ranks.rank() == 0) {
      return whole.decodeTiles(denormalised, model.latents(size), cut, ranks);
    }
    try (AutoencoderKlWan mine = whole.sharing()) {
      return mine.decodeTiles(denormalised, model.latents(size), cut, ranks);
    }
  }

  /** The model, with what it is made of in words where its weights are random. */
  @Override
  public String toString() {
    return model.toString();
  }

  @Override
  public void close() {
    model.close();
  }
}
