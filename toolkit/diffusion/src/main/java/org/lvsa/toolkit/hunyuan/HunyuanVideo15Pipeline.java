// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.lvsa.kernels.Progress;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.Resolution;
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
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.lvsa.toolkit.vae.AutoencoderKlHunyuan15;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.FrameCut;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;

/**
 * Text, or a picture and text, to video with HunyuanVideo 1.5 (Tencent 2025): a language model
 * reads the prompt, another encoder the words in quotes, a third one the picture; noise is denoised
 * step by step with the transformer, and the VAE decodes the latents to frames.
 */
public final class HunyuanVideo15Pipeline implements VideoPipeline, OffloadableComponents {
  /** Width to height, where nobody asks for a size. */
  private static final Resolution SHAPE = new Resolution(16, 9);

  private final HunyuanModel model;

  /**
   * A pipeline.
   *
   * @param model closed together with the pipeline
   */
  HunyuanVideo15Pipeline(HunyuanModel model) {
    this.model = model;
  }

  @Override
  public String className() {
    return model.pictures().isPresent()
        ? HunyuanVideo15ImageToVideoPipelineType.CLASS
        : HunyuanVideo15PipelineType.CLASS;
  }

  @Override
  public List<String> transformers() {
    return List.of(HunyuanModel.TRANSFORMER);
  }

  @Override
  public List<String> encoders() {
    List<String> texts = List.of(HunyuanModel.TEXT_ENCODER, HunyuanModel.TEXT_ENCODER_2);
    return model.pictures().isPresent()
        ? Stream.concat(texts.stream(), Stream.of(HunyuanModel.IMAGE_ENCODER)).toList()
        : texts;
  }

  @Override
  public List<String> vaes() {
    return List.of(HunyuanModel.VAE);
  }

  @Override
  public List<String> blockLists() {
    return List.of(HunyuanModel.TRANSFORMER + "." + HunyuanTransformer.BLOCKS);
  }

  @Override
  public Optional<Component> component(String name) {
    return switch (name) {
      case HunyuanModel.TRANSFORMER ->
          Optional.of(new Component.Open(model.transformer().weights()));
      case HunyuanModel.VAE -> Optional.of(new Component.Open(model.vae().weights()));
      case HunyuanModel.TEXT_ENCODER, HunyuanModel.TEXT_ENCODER_2 ->
          model.texts().bytes(name).map(Component.OpenedPerUse::new);
      case HunyuanModel.IMAGE_ENCODER ->
          model.pictures().map(source -> new Component.OpenedPerUse(source.encoder().bytes()));
      default -> Optional.empty();
    };
  }

  @Override
  public Set<Capability> capabilities() {
    Set<Capability> capabilities = EnumSet.of(Capability.FLOW_SHIFT, Capability.GUIDER);
    capabilities.add(
        model.pictures().isPresent() ? Capability.IMAGE_INPUT : Capability.IMAGE_OUTPUT);
    return capabilities;
  }

  @Override
  public Set<Capability> required() {
    return model.pictures().isPresent() ? Set.of(Capability.IMAGE_INPUT) : Set.of();
  }

  @Override
  public PipelineDefaults defaults() {
    return defaults(model.nearest(SHAPE.height(), SHAPE.width()));
  }

  /** A picture decides the size: the nearest to its shape. */
  @Override
  public PipelineDefaults defaults(Optional<Resolution> picture) {
    return picture
        .map(its -> defaults(model.nearest(its.height(), its.width())))
        .orElseGet(this::defaults);
  }

  private PipelineDefaults defaults(Resolution resolution) {
    GuiderFile guider = model.guider();
    return new PipelineDefaults(
        resolution, 121, 50, guider.scale(), 24, Optional.of(guider.options()));
  }

  @Override
  public Map<String, Integer> geometry() {
    HunyuanConfig config = model.transformer().config();
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("layers", config.layers());
    sizes.put("heads", config.heads());
    sizes.put("head_dim", config.headDim());
    sizes.put("feed_forward", config.feedForward());
    sizes.put("refiner_layers", config.refinerLayers());
    sizes.put("text_width", config.texts().text());
    sizes.put("glyph_width", config.texts().glyphs());
    return sizes;
  }

  @Override
  public LatentSize latents(VideoSize size) {
    return model.latents(size);
  }

  @Override
  public AttendedVideo attended(VideoSize size) {
    return new AttendedVideo(
        "hunyuan",
        model.frames(size),
        new Hook(
            "HunyuanVideo15Attention",
            model.transformer().config().layers(),
            Optional.of(Setting.LVSA_HUNYUAN_HOOK)));
  }

  @Override
  public void riflex(double scale) {
    model.transformer().riflex(Models.named(RandomHunyuan.NAME).referenceFrames(), scale);
  }

  @Override
  public void transformerOnDevice(
      DeviceChoice choice, Optional<VideoSize> size, Progress progress) {
    TransformerOnDevice.Placing placing = new TransformerOnDevice.Placing(choice, progress);
    DeviceHunyuan there = model.transformer().onDevice(placing);
    size.ifPresent(one -> there.prepare(choice.room(deviceSizes(one).video())));
    if (choice.vae()) {
      AutoencoderKlHunyuan15 vae = model.vae();
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
    LatentSize latents = model.latents(size);
    return DeviceHunyuan.sizes(
        model.transformer().config(),
        latents,
        model.pictures().map(PictureSource::tokens).orElse(0),
        new DeviceMemory.Decoder(model.vae().decoderShape(), latents, 1));
  }

  @Override
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return Map.of(
        Setting.LVSA_REFERENCE_LATENT_FRAMES,
        Integer.toString(Models.named(RandomHunyuan.NAME).referenceFrames()),
        Setting.LVSA_VAE_TEMPORAL_FACTOR,
        Integer.toString(model.vae().config().temporalFactor()),
        Setting.LVSA_CFG_PASSES,
        Integer.toString(settings.guidance().passes()));
  }

  @Override
  public void check(RankGroups ranks) {
    HunyuanConfig config = model.transformer().config();
    WeightShare.check(config.heads(), config.feedForward(), ranks.tensor());
  }

  @Override
  public List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    return model.memory(settings, tiling, ranks);
  }

  @Override
  public Denoising prepare(GenerationSettings settings) {
    Optional<PictureCondition> picture = model.condition(settings);
    try {
      List<TextEmbeddings> texts = texts(settings);
      return new HunyuanDenoising(model, settings, new HunyuanDenoising.Encoded(texts, picture));
    } catch (RuntimeException e) {
      picture.ifPresent(PictureCondition::close);
      throw e;
    }
  }

  private List<TextEmbeddings> texts(GenerationSettings settings) {
    try (PhaseEvent _ = PhaseEvent.begin(PhaseEvent.PROMPTS)) {
      return model.texts().encode(settings.prompts(), settings.guidance().on());
    }
  }

  @Override
  public void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink) {
    float[] denormalised = model.vae().denormalise(latents);
    LatentSize latentSize = model.latents(size);
    if (tiling.isPresent()) {
      model.vae().decodeTiled(denormalised, latentSize, tiling.get(), sink);
    } else {
      model.vae().decode(denormalised, latentSize, sink);
    }
  }

  @Override
  public DecodedTiles decodeTiles(
      VideoSize size, float[] latents, FrameCut cut, Communicator ranks) {
    AutoencoderKlHunyuan15 whole = model.vae();
    float[] denormalised = whole.denormalise(latents);
    if (ranks.rank() == 0) {
      return whole.decodeTiles(denormalised, model.latents(size), cut, ranks);
    }
    try (AutoencoderKlHunyuan15 mine = whole.sharing()) {
      return mine.decodeTiles(denormalised, model.latents(size), cut, ranks);
    }
  }

  /** The model, with what it is made of in words where its weights are random. */
  @Override
  public String toString() {
    return model.random().map(RandomHunyuan::toString).orElse("HunyuanVideo 1.5");
  }

  @Override
  public void close() {
    model.close();
  }
}
