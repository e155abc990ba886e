// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.offload.OffloadableComponents;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DenoisingLoop;
import org.lvsa.toolkit.pipeline.DenoisingLoop.Branch;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.ResumeFile.State;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.FlowMatchEulerConfig;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.vae.AutoencoderKlHunyuan15;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;

/**
 * Text to video with HunyuanVideo 1.5 (Tencent 2025): a language model reads the prompt, another
 * encoder the words in quotes, noise is denoised step by step with the transformer, and the VAE
 * decodes the latents to frames.
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
    return HunyuanVideo15PipelineType.CLASS;
  }

  @Override
  public List<String> transformers() {
    return List.of(HunyuanModel.TRANSFORMER);
  }

  @Override
  public List<String> encoders() {
    return List.of(HunyuanModel.TEXT_ENCODER, HunyuanModel.TEXT_ENCODER_2);
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
      default -> Optional.empty();
    };
  }

  @Override
  public Set<Capability> capabilities() {
    return EnumSet.of(Capability.FLOW_SHIFT, Capability.IMAGE_OUTPUT);
  }

  @Override
  public PipelineDefaults defaults() {
    HunyuanConfig config = model.transformer().config();
    int unit = model.vae().config().spatialFactor() * config.patch().side();
    Resolution resolution =
        SizeBuckets.nearest(SHAPE.height(), SHAPE.width(), config.targetSize(), unit);
    return new PipelineDefaults(resolution, 121, 50, model.guider().scale(), 24);
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
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return Map.of(
        Setting.LVSA_REFERENCE_LATENT_FRAMES,
        Integer.toString(Models.named(RandomHunyuan.NAME).referenceFrames()),
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
    if (settings.guidance().on() && settings.guidance().batched()) {
      throw new IllegalArgumentException(
          "guidance in one batch is not supported by this pipeline ("
              + className()
              + "): the two texts have different numbers of tokens");
    }
    return new Encoded(
        model, settings, model.texts().encode(settings.prompts(), settings.guidance().on()));
  }

  /**
   * A generation whose prompts are encoded.
   *
   * @param embeddings of the prompt, and behind it of the negative prompt where it is needed;
   *     closed together with this
   */
  private record Encoded(
      HunyuanModel model, GenerationSettings settings, List<TextEmbeddings> embeddings)
      implements Denoising {
    @Override
    public float[] run(GenerationAttention attention, Optional<State> from, StepReceiver receiver) {
      LatentSize shape = model.latents(settings.size());
      Scheduler scheduler = scheduler().start(sigmas(settings.steps()));
      from.ifPresent(state -> scheduler.resume(state.history()));
      from.ifPresent(
          state ->
              attention.goOn(
                  model.transformer().config().layers(),
                  state.history().done(),
                  settings.guidance()));
      float[] start = from.map(State::latents).orElseGet(() -> settings.start().of(shape));
      boolean padding = padding(attention);
      DenoisingLoop loop =
          new DenoisingLoop(
              (step, branches, latents, timestep) -> {
                attention.begin(step, timestep, branches);
                return model
                    .transformer()
                    .predict(latents, timestep, text(branches.getFirst()), padding, attention);
              },
              scheduler,
              shape,
              settings.guidance(),
              attention.guidanceRanks());
      return loop.run(start, (step, latents) -> receiver.accept(step, latents, scheduler::history));
    }

    private TextEmbeddings text(Branch branch) {
      return branch == Branch.COND ? embeddings.getFirst() : embeddings.getLast();
    }

    /**
     * Whether the padding behind the texts attends too. Dense attention masks it in the published
     * code as well.
     */
    private boolean padding(GenerationAttention attention) {
      if (!attention.isSparse()) {
        return false;
      }
      boolean published = settings.inputs().textMask() == TextMask.PUBLISHED;
      attention.say(
          published
              ? "[LVSA] text mask: the texts' padding attends, as in the published code"
              : "[LVSA] text mask: the texts' padding is left out; the published code lets it"
                  + " attend, as --text-mask published does");
      return published;
    }

    /** Noise levels before the shift: even steps from 1 to 0, without the 0. */
    private static float[] sigmas(int steps) {
      float[] sigmas = new float[steps];
      for (int i = 0; i < steps; i++) {
        sigmas[i] = (float) (1 + i * (-1.0 / steps));
      }
      return sigmas;
    }

    /** The scheduler's settings, with the shift that is asked for. */
    private FlowMatchEulerConfig scheduler() {
      return settings.flowShift().isPresent()
          ? model.scheduler().withShift(settings.flowShift().getAsDouble())
          : model.scheduler();
    }

    @Override
    public Denoising forRank(RankPlace place) {
      return new Encoded(model.forRank(place), settings, embeddings);
    }

    @Override
    public void close() {
      embeddings.forEach(TextEmbeddings::close);
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
      VideoSize size, float[] latents, Tiling tiling, Communicator ranks) {
    AutoencoderKlHunyuan15 whole = model.vae();
    float[] denormalised = whole.denormalise(latents);
    if (ranks.rank() == 0) {
      return whole.decodeTiles(denormalised, model.latents(size), tiling, ranks);
    }
    try (AutoencoderKlHunyuan15 mine = whole.sharing()) {
      return mine.decodeTiles(denormalised, model.latents(size), tiling, ranks);
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
