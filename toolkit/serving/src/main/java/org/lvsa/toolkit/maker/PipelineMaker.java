// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.jobs.PictureRole;
import org.lvsa.toolkit.jobs.VideoMaker;
import org.lvsa.toolkit.jobs.VideoRequest;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.AttentionReport;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.pipeline.RankStart;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.vae.Rgb;
import org.lvsa.toolkit.video.VideoWriter;
import org.lvsa.toolkit.vision.Picture;
import org.slf4j.event.Level;

/**
 * Makes videos with a pipeline, in the same way as {@code lvsa generate} does: the same request
 * with the same seed gives the same frames.
 */
public final class PipelineMaker implements VideoMaker {
  /** With it, a later rank's process is told the file in which the request is. */
  public static final String REQUEST_OPTION = "--joins-request";

  /** Lengths below a wanted one that are tried, one after the other. */
  private static final int LENGTHS_TRIED = 64;

  /** Sides are tried as multiples of these. */
  private static final List<Integer> FACTORS = List.of(1, 2, 4, 8, 16, 32, 64, 128);

  private final VideoPipeline pipeline;
  private final String model;
  private final MakerSettings settings;
  private final LineLog log = LineLog.logger();

  /**
   * A maker.
   *
   * @param pipeline which this one closes
   * @param model its name, as clients see it
   * @param settings that are the same for all videos
   */
  public PipelineMaker(VideoPipeline pipeline, String model, MakerSettings settings) {
    this.pipeline = pipeline;
    this.model = model;
    this.settings = settings;
    settings.ranks().check(pipeline, settings.guidance().batched());
    require(settings.guidance().dynamic(), Capability.DYNAMIC_GUIDANCE);
    require(settings.guidance().guider().asks(), Capability.GUIDER);
  }

  @Override
  public String model() {
    return model;
  }

  @Override
  public Defaults defaults() {
    PipelineDefaults its = pipeline.defaults();
    return new Defaults(
        its.resolution(), its.frames(), its.fps(), its.steps(), its.guidanceScale());
  }

  @Override
  public Resolution defaultSize(Resolution picture) {
    return pipeline.defaults(Optional.of(picture)).resolution();
  }

  private boolean fits(Resolution size, int frames) {
    try {
      pipeline.latents(new VideoSize(size, frames));
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  @Override
  public int nearestFrames(int frames) {
    Resolution size = pipeline.defaults().resolution();
    for (int tried = frames; tried > Math.max(0, frames - LENGTHS_TRIED); tried--) {
      if (fits(size, tried)) {
        return tried;
      }
    }
    for (int tried = frames + 1; tried < frames + LENGTHS_TRIED; tried++) {
      if (fits(size, tried)) {
        return tried;
      }
    }
    return frames;
  }

  @Override
  public Resolution nearestSize(Resolution size) {
    int frames = pipeline.defaults().frames();
    for (int factor : FACTORS) {
      Resolution tried =
          new Resolution(multiple(size.width(), factor), multiple(size.height(), factor));
      if (fits(tried, frames)) {
        return tried;
      }
    }
    return size;
  }

  private static int multiple(int side, int factor) {
    return Math.max(side / factor, 1) * factor;
  }

  @Override
  public void check(VideoRequest request, Set<PictureRole> pictures) {
    checkPictures(pictures);
    VideoRequest.Sampling sampling = request.sampling();
    require(sampling.guidanceScale2() != null, Capability.SECOND_GUIDANCE);
    require(sampling.boundaryRatio() != null, Capability.SECOND_GUIDANCE);
    require(sampling.flowShift() != null, Capability.FLOW_SHIFT);
    require(request.picture(), Capability.IMAGE_OUTPUT);
    pipeline.latents(new VideoSize(request.size(), request.frames()));
    if (!request.picture()) {
      VideoWriter.checkMp4(request.size(), request.fps());
    }
    GenerationSettings generation = generation(request, Map.of());
    settings.ranks().check(pipeline, generation);
    attention(request, generation);
  }

  private void checkPictures(Set<PictureRole> given) {
    for (PictureRole role : PictureRole.values()) {
      Capability capability =
          role == PictureRole.FIRST ? Capability.IMAGE_INPUT : Capability.LAST_IMAGE_INPUT;
      require(given.contains(role), capability);
      if (!given.contains(role) && pipeline.required().contains(capability)) {
        throw new IllegalArgumentException(
            model + " makes nothing without " + capability.words() + ": send it too");
      }
    }
  }

  private void require(boolean asked, Capability capability) {
    if (asked) {
      capability.require(pipeline);
    }
  }

  private GenerationSettings generation(VideoRequest request, Map<PictureRole, Path> pictures) {
    VideoRequest.Sampling sampling = request.sampling();
    return new GenerationSettings(
        new GenerationSettings.Prompts(request.prompt(), request.negativePrompt()),
        new VideoSize(request.size(), request.frames()),
        sampling.steps(),
        new GuidanceSettings(
            sampling.guidanceScale(),
            settings.guidance().batched(),
            optional(sampling.guidanceScale2()),
            optional(sampling.boundaryRatio()),
            settings.guidance().dynamic(),
            settings.guidance().normalised(),
            settings.guidance().guider().over(pipeline.defaults().guider())),
        optional(sampling.flowShift()),
        new StartingLatents.Seed(sampling.seed()),
        new GenerationSettings.Inputs(
            Optional.ofNullable(pictures.get(PictureRole.FIRST)).map(Picture::read),
            Optional.ofNullable(pictures.get(PictureRole.LAST)).map(Picture::read),
            Optional.empty(),
            settings.attention().textMask()));
  }

  private static OptionalDouble optional(@Nullable Double value) {
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  /** What a request says goes before the server's options, these before the environment. */
  private LvsaConfig config(VideoRequest request, GenerationSettings generation) {
    Map<String, String> options = new HashMap<>(settings.attention().options());
    options.putAll(request.lvsa());
    boolean givesInterval = request.lvsa().containsKey(Setting.LVSA_KEY_FRAME_INTERVAL.name());
    if (givesInterval) {
      options.putIfAbsent(Setting.LVSA_AUTO_KEYFRAMES.name(), "0");
    }
    LvsaConfig config = LvsaConfig.of(settings.attention().environment(), options, ignored -> {});
    config = config.withDefault(Setting.LVSA_BACKEND, "auto");
    for (Map.Entry<Setting<?>, String> entry :
        settings.ranks().attentionDefaults(pipeline, generation).entrySet()) {
      config = config.withDefault(entry.getKey(), entry.getValue());
    }
    LvsaConfig asked = config;
    return settings.device().map(device -> device.named(asked)).orElse(asked);
  }

  /** A pattern is the server's choice; a request that names an attention has another one. */
  private GenerationAttention.Settings attention(
      VideoRequest request, GenerationSettings generation) {
    MakerSettings.Attention ours = settings.attention();
    GenerationAttention.Settings attended =
        new GenerationAttention.Settings(
            config(request, generation),
            ours.counting(),
            ours.kernel(),
            Optional.empty(),
            settings.cache());
    boolean isChosen = request.lvsa().containsKey(Setting.DIFFUSION_ATTENTION_BACKEND.name());
    return ours.pattern()
        .filter(text -> !isChosen)
        .map(text -> attended.withPattern(pipeline.asked(text, generation.steps())))
        .orElse(attended);
  }

  @Override
  public Made make(
      VideoRequest request, Map<PictureRole, Path> pictures, Path file, Progress progress)
      throws Exception {
    progress.report(Stage.ENCODING, 0, 1);
    GenerationSettings generation = generation(request, pictures);
    GenerationAttention.Settings attended = attention(request, generation);
    requireMemory(generation);
    VideoRun run =
        new VideoRun(
            pipeline, generation, attended, new RunProgress(progress, generation.steps(), log));
    Map<String, Double> seconds = new LinkedHashMap<>();
    long begun = System.nanoTime();
    VideoRun.Denoised denoised;
    try (Denoising denoising = pipeline.prepare(generation)) {
      progress.report(Stage.ENCODING, 1, 1);
      seconds.put("encode", (System.nanoTime() - begun) / 1e9);
      denoised = denoise(run, denoising, SharedRequest.of(request, pictures));
    }
    seconds.put("denoise", denoised.seconds());
    begun = System.nanoTime();
    write(request, run, denoised, file);
    seconds.put("decode", (System.nanoTime() - begun) / 1e9);
    AttentionReport report = denoised.report();
    return new Made(
        attended.name(),
        report.density(),
        report.kernel(),
        report.device(),
        report.fallbacks(),
        seconds);
  }

  /** Says in the log what a request is made with that says nothing of it. */
  public void logSettings() {
    PipelineDefaults its = pipeline.defaults();
    VideoRequest plain =
        new VideoRequest(
            "any",
            "",
            its.resolution(),
            its.frames(),
            its.fps(),
            new VideoRequest.Sampling(its.steps(), its.guidanceScale(), null, null, null, 0),
            Map.of(),
            false,
            false);
    StartupLines.of(model, pipeline.className(), attention(plain, generation(plain, Map.of())))
        .forEach(line -> log.line(Level.INFO, line));
  }

  private void requireMemory(GenerationSettings generation) {
    MemoryNeed.require(settings.ranks().memory(pipeline, generation, settings.tiling()));
    settings
        .device()
        .ifPresent(
            device ->
                DeviceMemory.require(
                    pipeline, device, generation.size(), line -> log.line(Level.INFO, line)));
  }

  private VideoRun.Denoised denoise(VideoRun run, Denoising denoising, SharedRequest request)
      throws Exception {
    RankPlan ranks = settings.ranks();
    if (ranks.start().kind() == RankStart.Kind.THREADS || ranks.world() == 1) {
      return run.denoise(ranks, denoising, VideoRun.Saving.none(), false);
    }
    Path file = request.write();
    try {
      return run.denoise(
          ranks.withWords(List.of(REQUEST_OPTION + "=" + file)),
          denoising,
          VideoRun.Saving.none(),
          false);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  /**
   * Takes part in the making of one video, in a process that is a later rank of a server's.
   *
   * @param file that the server names with {@link #REQUEST_OPTION}
   * @return whether it went well; a failure is told to the server
   */
  public boolean takePart(Path file) throws Exception {
    SharedRequest shared = SharedRequest.read(file);
    GenerationSettings generation = generation(shared.request(), shared.files());
    GenerationAttention.Settings attended = attention(shared.request(), generation);
    VideoRun run = new VideoRun(pipeline, generation, attended, VideoRun.Listener.NONE);
    RankPlan ranks = settings.ranks();
    // It joins first: encoding may take longer than the others wait for it to come.
    return ranks.runLater(
        one -> {
          try (Denoising denoising = pipeline.prepare(generation)) {
            return run.denoiseQuietly(ranks, one, denoising, VideoRun.Saving.none());
          }
        });
  }

  private void write(VideoRequest request, VideoRun run, VideoRun.Denoised denoised, Path file)
      throws IOException {
    if (request.picture()) {
      run.decode(
          denoised,
          settings.tiling(),
          Rgb.ROUNDED,
          rgb -> Png.write(VideoWriter.image(request.size(), rgb), file));
    } else {
      VideoWriter.mp4(
          file,
          request.size(),
          request.fps(),
          frames -> run.decode(denoised, settings.tiling(), Rgb.TRUNCATED, frames));
    }
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
