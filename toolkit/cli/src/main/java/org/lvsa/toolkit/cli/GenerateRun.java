// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.pipeline.AttentionReport;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.LatentTensors;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;
import org.lvsa.toolkit.pipeline.ResumeFile;
import org.lvsa.toolkit.pipeline.WanModel;
import org.lvsa.toolkit.pipeline.WanPipeline;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Rgb;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.video.VideoWriter;

/** One video of {@code lvsa generate}: denoised, saved on the way, written, and summed up. */
final class GenerateRun {
  private final WanModel model;
  private final GenerationSettings settings;
  private final GenerationAttention.Settings attention;
  private final PrintWriter err;

  /**
   * What is kept of a run that may be interrupted.
   *
   * @param every steps between two saved states; empty to save none
   * @param resume whether to go on from the saved state
   * @param file where the state is
   * @param identity all that decides the result, by name
   */
  record Saving(Optional<Integer> every, boolean resume, Path file, Map<String, String> identity) {
    /** Nothing is saved. */
    static Saving none(Path file) {
      return new Saving(Optional.empty(), false, file, Map.of());
    }
  }

  /**
   * What denoising gave.
   *
   * @param latents the clean latents
   * @param kept {@code stepN.latents} → latents of steps that the output holds
   * @param report what self-attention ran with
   * @param seconds that denoising took
   */
  record Denoised(
      float[] latents, Map<String, float[]> kept, AttentionReport report, double seconds) {}

  /**
   * A run.
   *
   * @param model stays the caller's to close
   * @param err takes progress and log lines
   */
  GenerateRun(
      WanModel model,
      GenerationSettings settings,
      GenerationAttention.Settings attention,
      PrintWriter err) {
    this.model = model;
    this.settings = settings;
    this.attention = attention;
    this.err = err;
  }

  /** Denoises on one rank, from noise or from a saved state. */
  Denoised denoise(
      PromptEmbeddings embeddings, Saving saving, boolean keepSteps, GenerateProgress progress) {
    return denoise(model, RankView.alone(), embeddings, saving, keepSteps, progress);
  }

  /** Denoises on all ranks together, of which the first one tells and saves. */
  Denoised denoise(
      RankPlan ranks,
      PromptEmbeddings embeddings,
      Saving saving,
      boolean keepSteps,
      GenerateProgress progress)
      throws Exception {
    if (ranks.world() == 1) {
      return denoise(embeddings, saving, keepSteps, progress);
    }
    return ranks.run(
        one ->
            one.rank() == 0
                ? denoise(model, ranks.view(one), embeddings, saving, keepSteps, progress)
                : denoiseQuietly(ranks.view(one), embeddings, saving));
  }

  /** Denoises as a rank after the first. */
  Denoised denoiseQuietly(RankView view, PromptEmbeddings embeddings, Saving saving) {
    Saving nothing =
        new Saving(Optional.empty(), saving.resume(), saving.file(), saving.identity());
    PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
    try (GenerateProgress silent = GenerateProgress.silent(nowhere)) {
      return denoise(model.forAnotherRank(), view, embeddings, nothing, false, silent);
    }
  }

  private Denoised denoise(
      WanModel mine,
      RankView view,
      PromptEmbeddings embeddings,
      Saving saving,
      boolean keepSteps,
      GenerateProgress progress) {
    LatentSize shape = mine.latents(settings.size());
    Optional<ResumeFile.State> from =
        saving.resume()
            ? Optional.of(ResumeFile.read(saving.file(), saving.identity(), shape))
            : Optional.empty();
    Map<String, float[]> kept = new LinkedHashMap<>();
    from.ifPresent(state -> kept.putAll(state.kept()));
    long begun = System.nanoTime();
    try (GenerationAttention running =
        new GenerationAttention(
            attention, shape.frames(), (level, line) -> log(line, progress), view)) {
      progress.denoising(from.map(s -> s.history().done()).orElse(0), settings.steps());
      float[] latents =
          new WanPipeline(mine)
              .denoise(
                  settings,
                  embeddings,
                  running,
                  from,
                  (step, sample, history) -> {
                    if (saving.every().isPresent() && (step + 1) % saving.every().get() == 0) {
                      if (keepSteps) {
                        kept.put("step" + step + ".latents", sample);
                      }
                      save(saving, shape, new ResumeFile.State(sample, history.get(), kept));
                    }
                    progress.stepDone(step);
                  });
      double seconds = (System.nanoTime() - begun) / 1e9;
      return new Denoised(latents, kept, running.report(), seconds);
    } finally {
      progress.close();
    }
  }

  /** Decodes latents and hands frame after frame on. */
  void decode(
      float[] latents,
      Optional<Tiling> tiling,
      Rgb levels,
      VideoWriter.Frames receiver,
      GenerateProgress progress)
      throws IOException {
    progress.decoding(settings.size().frames());
    try {
      new WanPipeline(model)
          .decode(
              settings.size(),
              latents,
              tiling,
              (first, frames) -> {
                for (int i = 0; i < frames.frames(); i++) {
                  receive(receiver, levels.bytes(frames, i));
                  progress.frameDone(first + i);
                }
              });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } finally {
      progress.close();
    }
  }

  private static void receive(VideoWriter.Frames receiver, byte[] rgb) {
    try {
      receiver.write(rgb);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void log(String line, GenerateProgress progress) {
    if (line.startsWith("auto passes over") && attention.config().on(Setting.LVSA_STRICT)) {
      throw new UnavailableException("--strict: " + line);
    }
    progress.line(line);
  }

  private static void save(Saving saving, LatentSize shape, ResumeFile.State state) {
    try {
      ResumeFile.write(saving.file(), saving.identity(), shape, state);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes latents, and those of the steps that were kept. */
  void writeLatents(Path file, Denoised denoised) throws IOException {
    LatentSize shape = model.latents(settings.size());
    try (Arena arena = Arena.ofConfined()) {
      Map<String, FloatTensor> tensors = new LinkedHashMap<>();
      tensors.put("latents", LatentTensors.of(shape, denoised.latents(), arena));
      denoised
          .kept()
          .forEach((name, data) -> tensors.put(name, LatentTensors.of(shape, data, arena)));
      Safetensors.write(file, tensors, Map.of());
    }
  }

  /**
   * Prints what really ran.
   *
   * @param name what was made
   * @param attention dense or lvsa
   */
  static void print(PrintWriter out, String name, String attention, Denoised denoised) {
    AttentionReport report = denoised.report();
    out.printf(
        Locale.ROOT,
        "%s: %s attention, density %.4f, kernel %s on %s%n",
        name,
        attention,
        report.density(),
        report.kernel(),
        report.device());
    out.printf(
        Locale.ROOT,
        "  denoising %s, of it %s in %d self-attentions' kernel%n",
        GenerateProgress.duration(denoised.seconds()),
        GenerateProgress.duration(report.kernelMillis() / 1000),
        report.calls());
    if (report.fallbacks().isEmpty()) {
      out.println("  fallbacks: none");
    }
    report.fallbacks().forEach(line -> out.println("  fallback: " + line));
  }

  /** Removes the saved state of a run that is done. */
  static void done(Saving saving) throws IOException {
    if (saving.every().isPresent() || saving.resume()) {
      Files.deleteIfExists(saving.file());
    }
  }
}
