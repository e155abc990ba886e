// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.EnumSet;
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
import org.lvsa.toolkit.pipeline.DrawnNoise;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.lvsa.toolkit.vae.AutoencoderKlCogVideoX;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.FrameCut;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;

/**
 * Text to video with a CogVideoX model: the prompts are encoded, noise is denoised step by step
 * with the transformer, and the VAE decodes the latents to frames.
 *
 * <p>A guided step is one run of the transformer on a batch of two, as published; over several
 * ranks, and where a step cache is on a device, it is two runs, which give the same. Latents have
 * their frames outside of their channels. CogVideoX 1.5 needs an even number of latent frames:
 * where the video has an odd number, one more is denoised and left out at the front before
 * decoding.
 */
public final class CogVideoXPipeline implements VideoPipeline, OffloadableComponents {
  private final CogVideoXModel model;

  /**
   * A pipeline.
   *
   * @param model closed together with the pipeline
   */
  CogVideoXPipeline(CogVideoXModel model) {
    this.model = model;
  }

  @Override
  public String className() {
    return CogVideoXPipelineType.CLASS;
  }

  @Override
  public List<String> transformers() {
    return List.of(CogVideoXModel.TRANSFORMER);
  }

  @Override
  public List<String> encoders() {
    return List.of(CogVideoXModel.TEXT_ENCODER);
  }

  @Override
  public List<String> vaes() {
    return List.of(CogVideoXModel.VAE);
  }

  @Override
  public List<String> blockLists() {
    return List.of(CogVideoXModel.TRANSFORMER + "." + CogVideoXTransformer.BLOCKS);
  }

  @Override
  public Optional<Component> component(String name) {
    return switch (name) {
      case CogVideoXModel.TRANSFORMER ->
          Optional.of(new Component.Open(model.transformer().weights()));
      case CogVideoXModel.VAE -> Optional.of(new Component.Open(model.vae().weights()));
      case CogVideoXModel.TEXT_ENCODER ->
          Optional.of(new Component.OpenedPerUse(model.prompts().bytes()));
      default -> Optional.empty();
    };
  }

  @Override
  public Set<Capability> capabilities() {
    return EnumSet.of(Capability.DYNAMIC_GUIDANCE, Capability.IMAGE_OUTPUT);
  }

  @Override
  public PipelineDefaults defaults() {
    double fps = model.config().patch().temporal() ? 16 : 8;
    return new PipelineDefaults(model.resolution(), model.config().sample().frames(), 50, 6, fps);
  }

  @Override
  public Map<String, Integer> geometry() {
    CogVideoXConfig config = model.config();
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("layers", config.layers());
    sizes.put("heads", config.heads());
    sizes.put("head_dim", config.headDim());
    sizes.put("text_width", config.text().width());
    sizes.put("text_tokens", config.text().tokens());
    sizes.put("patch_frames", config.patch().frames());
    return sizes;
  }

  @Override
  public LatentSize latents(VideoSize size) {
    return model.latents(size);
  }

  @Override
  public AttendedVideo attended(VideoSize size) {
    return new AttendedVideo(
        "cogvideox",
        model.latents(size).frames() / model.config().patch().frames(),
        new Hook("CogVideoXAttention", model.config().layers(), Optional.empty()));
  }

  @Override
  public void riflex(double scale) {
    if (model.config().positions() instanceof CogVideoXConfig.Positions.Sines) {
      VideoPipeline.super.riflex(scale);
    }
    model.transformer().riflex(scale);
  }

  @Override
  public void transformerOnDevice(
      DeviceChoice choice, Optional<VideoSize> size, Progress progress) {
    TransformerOnDevice.Placing placing = new TransformerOnDevice.Placing(choice, progress);
    DeviceCogVideo device = model.transformer().onDevice(placing);
    size.ifPresent(one -> device.prepare(choice.room(deviceSizes(one).video())));
    if (choice.vae()) {
      AutoencoderKlCogVideoX vae = model.vae();
      vae.decodeOnDevice(placing::openDecoder, progress);
      size.filter(one -> !choice.turns())
          .ifPresent(one -> vae.prepareDevice(model.unpadded(one), choice.tiling().map(this::own)));
    }
  }

  @Override
  public boolean decodesOnDevice() {
    return true;
  }

  @Override
  public DeviceMemory.Sizes deviceSizes(VideoSize size) {
    DeviceMemory.Decoder decoder =
        new DeviceMemory.Decoder(
            model.vae().decoderShape(), model.unpadded(size), 1, model.vae().config().tiling());
    return DeviceCogVideo.sizes(model.config(), model.latents(size), decoder);
  }

  @Override
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return Map.of(
        Setting.LVSA_REFERENCE_LATENT_FRAMES,
        Integer.toString(model.config().referenceFrames()),
        Setting.LVSA_VAE_TEMPORAL_FACTOR,
        Integer.toString(model.vae().config().temporalFactor()),
        Setting.LVSA_CFG_PASSES,
        "1");
  }

  @Override
  public void check(RankGroups ranks) {
    CogVideoXConfig config = model.config();
    WeightShare.check(config.heads(), config.feedForward(), ranks.tensor());
  }

  @Override
  public List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    return model.memory(settings, tiling.map(this::own), ranks);
  }

  @Override
  public Denoising prepare(GenerationSettings settings) {
    DrawnNoise.check(
        settings,
        model.latents(settings.size()),
        model.scheduler().start(settings.steps()).draws());
    try (PhaseEvent _ = PhaseEvent.begin(PhaseEvent.PROMPTS)) {
      return new CogVideoXDenoising(model, settings, model.prompts().encode(settings.prompts()));
    }
  }

  @Override
  public int decodedFrames(VideoSize size) {
    return model.vae().config().frames(model.unpadded(size).frames());
  }

  @Override
  public void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink) {
    LatentSize video = model.unpadded(size);
    float[] own = channelsFirst(latents, model.latents(size), video);
    float[] denormalised = model.vae().denormalise(own);
    if (tiling.isPresent()) {
      model.vae().decodeTiled(denormalised, video, own(tiling.get()), sink);
    } else {
      model.vae().decode(denormalised, video, sink);
    }
  }

  /** The tiles that are asked for; for the default ones those that this VAE was published with. */
  private Tiling own(Tiling tiling) {
    return tiling.equals(Tiling.DEFAULT) ? model.vae().config().tiling() : tiling;
  }

  /** Without the frames that were added in front, and in the order that the VAE takes. */
  static float[] channelsFirst(float[] latents, LatentSize padded, LatentSize video) {
    int plane = video.height() * video.width();
    int added = padded.frames() - video.frames();
    float[] moved = new float[video.elements()];
    for (int channel = 0; channel < video.channels(); channel++) {
      for (int frame = 0; frame < video.frames(); frame++) {
        System.arraycopy(
            latents,
            ((added + frame) * video.channels() + channel) * plane,
            moved,
            (channel * video.frames() + frame) * plane,
            plane);
      }
    }
    return moved;
  }

  @Override
  public DecodedTiles decodeTiles(
      VideoSize size, float[] latents, FrameCut cut, Communicator ranks) {
    FrameCut ownCut = cut instanceof Tiling tiling ? own(tiling) : cut;
    AutoencoderKlCogVideoX whole = model.vae();
    float[] denormalised =
        whole.denormalise(channelsFirst(latents, model.latents(size), model.unpadded(size)));
    if (ranks.rank() == 0) {
      return whole.decodeTiles(denormalised, model.unpadded(size), ownCut, ranks);
    }
    try (AutoencoderKlCogVideoX mine = whole.sharing()) {
      return mine.decodeTiles(denormalised, model.unpadded(size), ownCut, ranks);
    }
  }

  /** The model, with what it is made of in words where its weights are random. */
  @Override
  public String toString() {
    return model.title();
  }

  @Override
  public void close() {
    model.close();
  }
}
