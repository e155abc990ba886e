// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.report.Fonts;
import org.lvsa.toolkit.report.Plot;
import org.lvsa.toolkit.report.PlotPicture;
import org.lvsa.toolkit.vae.Rgb;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.video.FrameMetrics;
import org.lvsa.toolkit.video.VideoWriter;

/**
 * {@code lvsa generate --compare}: the same noise denoised with dense and with sparse-window
 * attention. Writes both videos, one with the two side by side, and how much each frame differs.
 *
 * @param pipeline stays the caller's to close
 * @param settings what is asked for
 * @param attention of the sparse run; the dense one differs in nothing else
 * @param target the side-by-side video; the other files are named after it
 * @param tiling of the VAE
 * @param evaluate whether both videos are judged too
 */
record GenerateCompare(
    VideoPipeline pipeline,
    GenerationSettings settings,
    GenerationAttention.Settings attention,
    GenerateOutput target,
    Optional<Tiling> tiling,
    boolean evaluate) {

  /**
   * How much a frame of the sparse video differs from the dense one's.
   *
   * @param psnr peak signal-to-noise ratio in dB, infinite for equal frames
   * @param ssim structural similarity, 1 for equal frames
   */
  record Difference(double psnr, double ssim) {}

  /** Makes both videos and prints the summary. */
  void run(PrintWriter out, PrintWriter err) throws IOException {
    Resolution size = settings.size().resolution();
    List<Difference> differences;
    VideoRun.Denoised dense;
    VideoRun.Denoised sparse;
    try (Denoising denoising = pipeline.prepare(settings);
        DenseFrames denseFrames = DenseFrames.open(size)) {
      try (GenerateProgress progress = new GenerateProgress(err, "dense")) {
        VideoRun run = run(attention.withAttention("SDPA"), progress);
        dense = run.denoise(denoising, VideoRun.Saving.none(), false);
        float[] latents = dense.latents();
        VideoWriter.mp4(
            target.beside("dense.mp4"),
            size,
            target.fps(),
            video ->
                run.decode(
                    latents,
                    tiling,
                    Rgb.TRUNCATED,
                    rgb -> {
                      video.write(rgb);
                      denseFrames.add(rgb);
                    }));
      }
      try (GenerateProgress progress = new GenerateProgress(err, name())) {
        VideoRun run = run(attention.sparse(), progress);
        sparse = run.denoise(denoising, VideoRun.Saving.none(), false);
        differences = writeSparse(run, sparse.latents(), denseFrames);
      }
    }
    writeTable(differences);
    boolean plotted = Fonts.found("pictures of plots", err::println);
    if (plotted) {
      writePlot(differences);
    }
    GenerateSummary.print(out, target.beside("dense.mp4").toString(), "dense", dense);
    GenerateSummary.print(out, target.beside(name() + ".mp4").toString(), name(), sparse);
    print(out, differences, plotted);
    if (evaluate) {
      CompareQuality.of(
              target.beside("dense.mp4"),
              target.beside(name() + ".mp4"),
              settings.prompts().prompt(),
              err)
          .report(out, target.beside("quality.json"), name(), dense, sparse);
    }
    out.flush();
  }

  private VideoRun run(GenerationAttention.Settings how, GenerateProgress progress) {
    return new VideoRun(pipeline, settings, how, progress);
  }

  /** The sparse attention's short name. */
  private String name() {
    return attention.sparse().name();
  }

  private List<Difference> writeSparse(VideoRun run, float[] latents, DenseFrames denseFrames)
      throws IOException {
    Resolution size = settings.size().resolution();
    Resolution both = new Resolution(2 * size.width(), size.height());
    List<Difference> differences = new ArrayList<>();
    VideoWriter.mp4(
        target.beside(name() + ".mp4"),
        size,
        target.fps(),
        video ->
            VideoWriter.mp4(
                target.path(),
                both,
                target.fps(),
                sideBySide ->
                    run.decode(
                        latents,
                        tiling,
                        Rgb.TRUNCATED,
                        rgb -> {
                          byte[] exact = denseFrames.get(differences.size());
                          video.write(rgb);
                          sideBySide.write(joined(size, exact, rgb));
                          differences.add(
                              new Difference(
                                  FrameMetrics.psnr(exact, rgb),
                                  FrameMetrics.ssim(size, exact, rgb)));
                        })));
    return differences;
  }

  /** Two frames as one, the first on the left. */
  static byte[] joined(Resolution size, byte[] left, byte[] right) {
    int row = 3 * size.width();
    byte[] both = new byte[2 * row * size.height()];
    for (int y = 0; y < size.height(); y++) {
      System.arraycopy(left, y * row, both, 2 * y * row, row);
      System.arraycopy(right, y * row, both, (2 * y + 1) * row, row);
    }
    return both;
  }

  private void writeTable(List<Difference> differences) throws IOException {
    StringBuilder csv = new StringBuilder("frame,psnr_db,ssim\n");
    for (int frame = 0; frame < differences.size(); frame++) {
      Difference d = differences.get(frame);
      csv.append(
          String.format(
              Locale.ROOT,
              "%d,%s,%.6f%n",
              frame,
              Double.isInfinite(d.psnr()) ? "inf" : String.format(Locale.ROOT, "%.3f", d.psnr()),
              d.ssim()));
    }
    OutputFile.write(
        target.beside("csv"), file -> file.write(csv.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private void writePlot(List<Difference> differences) throws IOException {
    BufferedImage above = PlotPicture.of(plot("psnr", "PSNR, dB", differences, Difference::psnr));
    BufferedImage below = PlotPicture.of(plot("ssim", "SSIM", differences, Difference::ssim));
    BufferedImage both =
        new BufferedImage(
            Math.max(above.getWidth(), below.getWidth()),
            above.getHeight() + below.getHeight(),
            BufferedImage.TYPE_INT_RGB);
    Graphics2D g = both.createGraphics();
    g.drawImage(above, 0, 0, null);
    g.drawImage(below, 0, above.getHeight(), null);
    g.dispose();
    Png.write(both, target.beside("png"));
  }

  private Plot plot(
      String id, String label, List<Difference> differences, ToDoubleFunction<Difference> value) {
    List<Plot.Point> points = new ArrayList<>();
    for (int frame = 0; frame < differences.size(); frame++) {
      double y = value.applyAsDouble(differences.get(frame));
      // Equal frames have an infinite ratio, which no axis can show.
      if (Double.isFinite(y)) {
        points.add(Plot.Point.of(frame, y));
      }
    }
    return new Plot(
        id,
        "How near is each LVSA frame to the dense one? " + label,
        "",
        Plot.Axis.of("frame", Plot.Scale.LINEAR),
        Plot.Axis.of(label, Plot.Scale.LINEAR),
        List.of(new Plot.Panel("", List.of(new Plot.Series("", 0, Plot.Style.SOLID, points)))));
  }

  private void print(PrintWriter out, List<Difference> differences, boolean plotted) {
    boolean equal = differences.stream().allMatch(d -> Double.isInfinite(d.psnr()));
    out.printf(
        Locale.ROOT,
        "%s: dense left, %s right; %s, mean SSIM %.4f%n",
        target.path(),
        name(),
        equal
            ? "all frames are equal"
            : String.format(
                Locale.ROOT,
                "lowest PSNR %.1f dB",
                differences.stream().mapToDouble(Difference::psnr).min().orElse(Double.NaN)),
        differences.stream().mapToDouble(Difference::ssim).average().orElse(Double.NaN));
    out.println(
        "  per frame: " + target.beside("csv") + (plotted ? ", " + target.beside("png") : ""));
  }

  /** The dense video's frames in a temporary file that has no name any more. */
  private record DenseFrames(FileChannel file, int bytes) implements AutoCloseable {
    static DenseFrames open(Resolution size) throws IOException {
      Path path = Files.createTempFile("lvsa-dense", ".rgb");
      return new DenseFrames(
          FileChannel.open(
              path,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE),
          3 * size.width() * size.height());
    }

    void add(byte[] rgb) throws IOException {
      ByteBuffer buffer = ByteBuffer.wrap(rgb);
      while (buffer.hasRemaining()) {
        file.write(buffer);
      }
    }

    byte[] get(int frame) throws IOException {
      ByteBuffer buffer = ByteBuffer.allocate(bytes);
      while (buffer.hasRemaining()
          && file.read(buffer, (long) frame * bytes + buffer.position()) >= 0) {
        continue;
      }
      return buffer.array();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
