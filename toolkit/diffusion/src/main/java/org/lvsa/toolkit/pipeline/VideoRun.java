// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.cache.CacheSummary;
import org.lvsa.toolkit.cache.StepCache;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.parallel.Collectives;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.lvsa.toolkit.schedulers.History;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Rgb;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.video.VideoWriter;

/**
 * One video from noise to frames: denoised on one rank or several, saved on the way, decoded. Tells
 * a listener how it comes along.
 */
public final class VideoRun {
  private final VideoPipeline pipeline;
  private final GenerationSettings settings;
  private final GenerationAttention.Settings attention;
  private final Listener listener;

  /**
   * What is kept of a run that may be interrupted.
   *
   * @param every steps between two saved states; empty to save none
   * @param resume whether to go on from the saved state
   * @param file where the state is
   * @param identity all that decides the result, by name
   */
  public record Saving(
      Optional<Integer> every, boolean resume, Path file, Map<String, String> identity) {
    /** Nothing is saved. */
    public static Saving none() {
      return new Saving(Optional.empty(), false, Path.of(""), Map.of());
    }

    /** Removes the saved state of a run that is done. */
    public void done() throws IOException {
      if (every.isPresent() || resume) {
        Files.deleteIfExists(file);
      }
    }

    /** The same state for a rank that reads it and does not write it. */
    Saving readOnly() {
      return new Saving(Optional.empty(), resume, file, identity);
    }
  }

  /**
   * What denoising gave.
   *
   * @param latents the clean latents
   * @param kept {@code stepN.latents} → latents of steps that the output holds
   * @param report what self-attention ran with
   * @param seconds that denoising took
   * @param cache what the step cache did, where there was one
   * @param tiles the decoded tiles, where several ranks decode
   */
  public record Denoised(
      float[] latents,
      Map<String, float[]> kept,
      AttentionReport report,
      double seconds,
      Optional<CacheSummary> cache,
      Optional<DecodedTiles> tiles) {
    private Denoised with(Optional<DecodedTiles> decoded) {
      return new Denoised(latents, kept, report, seconds, cache, decoded);
    }
  }

  /**
   * Is told how a run comes along, in the thread that runs. What a method throws ends the run, so a
   * listener can cancel it between two steps or frames.
   */
  public interface Listener {
    /** Takes nothing. */
    Listener NONE = new Listener() {};

    /** A line of the log. */
    default void line(String text) {}

    /**
     * Denoising begins.
     *
     * @param done steps that an earlier run made
     * @param all steps
     */
    default void denoising(int done, int all) {}

    /** A step is done, numbered from 0. */
    default void stepDone(int step) {}

    /** Decoding of that many frames begins. */
    default void decoding(int frames) {}

    /** A frame is decoded, numbered from 0. */
    default void frameDone(int frame) {}

    /** Denoising or decoding ended, well or not. */
    default void partEnded() {}
  }

  /**
   * A run.
   *
   * @param pipeline stays the caller's to close
   * @param settings what is asked for
   * @param attention how the video's tokens attend
   * @param listener is told how the run comes along
   */
  public VideoRun(
      VideoPipeline pipeline,
      GenerationSettings settings,
      GenerationAttention.Settings attention,
      Listener listener) {
    this.pipeline = pipeline;
    this.settings = settings;
    this.attention = attention;
    this.listener = listener;
  }

  /**
   * Denoises on one rank, from noise or from a saved state.
   *
   * @param keepSteps whether the result holds the latents of the steps that are saved
   */
  public Denoised denoise(Denoising denoising, Saving saving, boolean keepSteps) {
    return denoise(denoising, RankView.alone(), saving, keepSteps);
  }

  /** Denoises on all ranks together, of which the first one tells and saves. */
  public Denoised denoise(RankPlan ranks, Denoising denoising, Saving saving, boolean keepSteps)
      throws Exception {
    if (ranks.world() == 1) {
      return denoise(denoising, saving, keepSteps);
    }
    return ranks.run(
        one -> {
          if (one.rank() > 0) {
            denoiseQuietly(ranks, one, denoising, saving);
            return null;
          }
          RankView view = ranks.view(one);
          // What the others still read or compile is no part of this video's time.
          new Collectives(one).barrier();
          Denoised denoised = denoise(denoising.forRank(view.place()), view, saving, keepSteps);
          return keepSteps
              ? denoised
              : denoised.with(ranks.decode(pipeline, settings.size(), denoised.latents(), one));
        });
  }

  /** Denoises, and decodes tiles where several ranks do, as a rank after the first. */
  public Denoised denoiseQuietly(
      RankPlan ranks, Communicator one, Denoising denoising, Saving saving) {
    RankView view = ranks.view(one);
    new Collectives(one).barrier();
    Denoised denoised =
        new VideoRun(pipeline, settings, attention, Listener.NONE)
            .denoise(denoising.forRank(view.place()), view, saving.readOnly(), false);
    ranks.decode(pipeline, settings.size(), denoised.latents(), one).ifPresent(DecodedTiles::close);
    return denoised;
  }

  private Denoised denoise(Denoising denoising, RankView view, Saving saving, boolean keepSteps) {
    LatentSize shape = pipeline.latents(settings.size());
    Optional<ResumeFile.State> from =
        saving.resume()
            ? Optional.of(ResumeFile.read(saving.file(), saving.identity(), shape))
            : Optional.empty();
    Map<String, float[]> kept = new LinkedHashMap<>();
    from.ifPresent(state -> kept.putAll(state.kept()));
    long begun = System.nanoTime();
    try (GenerationAttention running =
            new GenerationAttention(
                attention, pipeline.attended(settings.size()), (level, line) -> log(line), view);
        StepCaching caching = StepCaching.of(cache(saving, view));
        PhaseEvent _ = PhaseEvent.begin("denoise")) {
      caching.cache().ifPresent(running::cacheSteps);
      caching.cache().ifPresent(this::tell);
      from.ifPresent(state -> caching.goOn(saving.file(), state));
      listener.denoising(from.map(s -> s.history().done()).orElse(0), settings.steps());
      float[] latents =
          denoising.run(
              running,
              from,
              (step, sample, history) -> {
                if (saving.every().isPresent() && (step + 1) % saving.every().get() == 0) {
                  if (keepSteps) {
                    kept.put("step" + step + ".latents", sample);
                  }
                  save(saving, shape, caching.state(sample, history.get(), kept));
                }
                listener.stepDone(step);
              });
      double seconds = (System.nanoTime() - begun) / 1e9;
      Optional<CacheSummary> cached = caching.cache().map(StepCache::summary);
      return new Denoised(latents, kept, running.report(), seconds, cached, Optional.empty());
    } finally {
      listener.partEnded();
    }
  }

  private void tell(StepCache cache) {
    listener.line(cache.enabledLine());
    cache.settings().idle().ifPresent(reason -> listener.line("warning: " + reason));
  }

  /** The run's step cache, closed at its end. */
  private record StepCaching(Optional<StepCache> cache) implements AutoCloseable {
    static StepCaching of(Optional<StepCache> cache) {
      return new StepCaching(cache);
    }

    /** The state after a step, with what the cache remembers. */
    ResumeFile.State state(float[] latents, History history, Map<String, float[]> kept) {
      return new ResumeFile.State(latents, history, kept, cache.map(StepCache::save));
    }

    /** The cache remembers what the earlier run's did. */
    void goOn(Path file, ResumeFile.State state) {
      cache.ifPresent(
          one ->
              one.restore(
                  state
                      .cache()
                      .orElseThrow(
                          () ->
                              new MalformedFileException(
                                  file + ": lacks the step cache's state: begin again"))));
    }

    @Override
    public void close() {
      cache.ifPresent(StepCache::close);
    }
  }

  /** A new step cache: nothing of another run is in it. */
  private Optional<StepCache> cache(Saving saving, RankView view) {
    int ranks = view.place().all().world();
    if (attention.cache().isPresent()
        && ranks > 1
        && (saving.resume() || saving.every().isPresent())) {
      throw new IllegalArgumentException(
          "a run with a step cache is saved and resumed on 1 rank, since each rank's cache holds"
              + " its own tokens and the saved state the first one's, got "
              + ranks
              + " ranks: leave the ranks, the cache, or --save-every and --resume out");
    }
    return attention
        .cache()
        .map(
            how ->
                new StepCache(
                    how,
                    StepCache.Model.of(pipeline.className(), settings.steps()),
                    // Ranks that hold the same tokens add up the same numbers: means stay as they
                    // are.
                    new Collectives(view.ranks())::sum));
  }

  /** Decodes what denoising gave, or joins its tiles, and hands frame after frame on. */
  public void decode(
      Denoised denoised, Optional<Tiling> tiling, Rgb levels, VideoWriter.Frames receiver)
      throws IOException {
    if (denoised.tiles().isEmpty()) {
      decode(denoised.latents(), tiling, levels, receiver);
      return;
    }
    try (DecodedTiles tiles = denoised.tiles().get()) {
      frames(levels, receiver, tiles::join);
    }
  }

  /** Decodes latents and hands frame after frame on. */
  public void decode(
      float[] latents, Optional<Tiling> tiling, Rgb levels, VideoWriter.Frames receiver)
      throws IOException {
    frames(levels, receiver, sink -> pipeline.decode(settings.size(), latents, tiling, sink));
  }

  private void frames(Rgb levels, VideoWriter.Frames receiver, Consumer<FrameSink> source)
      throws IOException {
    listener.decoding(pipeline.decodedFrames(settings.size()));
    try (PhaseEvent _ = PhaseEvent.begin(PhaseEvent.DECODE)) {
      source.accept(
          (first, frames) -> {
            for (int i = 0; i < frames.frames(); i++) {
              receive(receiver, levels.bytes(frames, i));
              listener.frameDone(first + i);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } finally {
      listener.partEnded();
    }
  }

  private static void receive(VideoWriter.Frames receiver, byte[] rgb) {
    try {
      receiver.write(rgb);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void log(String line) {
    if (line.startsWith("auto passes over") && attention.config().on(Setting.LVSA_STRICT)) {
      throw new UnavailableException("--strict: " + line);
    }
    listener.line(line);
  }

  private static void save(Saving saving, LatentSize shape, ResumeFile.State state) {
    try {
      ResumeFile.write(saving.file(), saving.identity(), shape, state);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes latents, and those of the steps that were kept. */
  public void writeLatents(Path file, Denoised denoised) throws IOException {
    LatentSize shape = pipeline.latents(settings.size());
    try (Arena arena = Arena.ofConfined()) {
      Map<String, FloatTensor> tensors = new LinkedHashMap<>();
      tensors.put("latents", LatentTensors.of(shape, denoised.latents(), arena));
      denoised
          .kept()
          .forEach((name, data) -> tensors.put(name, LatentTensors.of(shape, data, arena)));
      Safetensors.write(file, tensors, Map.of());
    }
  }
}
