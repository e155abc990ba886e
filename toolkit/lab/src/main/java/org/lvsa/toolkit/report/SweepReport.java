// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.sweep.PatternFacts;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;
import tech.tablesaw.api.Table;

/**
 * The report of a sweep's directory: {@code report.html}, {@code summary.csv}, {@code by-scale.csv}
 * and each plot and mask as a PNG under {@code plots/}.
 */
public final class SweepReport {
  private static final int MASKS_PER_ROW = 5;
  private static final int MASK_SIDE = 170;

  private SweepReport() {}

  /**
   * Writes the report. Without fonts it has the page's plots, which the reader's browser draws, and
   * no pictures.
   *
   * @param warning takes a line where pictures are left out
   * @return the page
   * @throws IllegalArgumentException if the directory holds no results, or none that was measured
   */
  public static Path write(Path directory, Consumer<String> warning) throws IOException {
    Path csv = directory.resolve(ResultsFile.NAME);
    if (!Files.isRegularFile(csv)) {
      throw new IllegalArgumentException(
          directory + " holds no results.csv: run ./lvsa sweep first");
    }
    List<ResultRow> rows = ResultsFile.read(csv);
    List<ResultRow> measured = rows.stream().filter(ResultRow::ok).toList();
    if (measured.isEmpty()) {
      throw new IllegalArgumentException(csv + " holds no measured cell");
    }
    List<ResultRow> scales = measured.stream().filter(row -> row.cell().isScale()).toList();
    List<Plot> plots = new ArrayList<>(SweepPlots.of(scales));
    plots.addAll(PatternPlots.of(measured));
    List<ResultRow> bySize = BlockSizePlots.rows(measured);
    plots.addAll(BlockSizePlots.of(bySize));
    boolean pictures = Fonts.found("pictures of plots and masks", warning);
    Map<String, BufferedImage> masks = pictures ? masks(measured) : Map.of();
    HtmlPage page = new HtmlPage();
    if (!scales.isEmpty()) {
      Headline.of(SweepPlots.cells(scales)).forEach(page::headline);
    }
    PatternPlots.headlines(measured).forEach(page::headline);
    page.paragraph(
        "Sparse-window attention against dense attention, measured by the same kernel: "
            + measured.size()
            + " of "
            + rows.size()
            + " cells on "
            + devices(measured)
            + ", input "
            + measured.getFirst().cell().input()
            + ". Attention alone is timed, not a whole pipeline.");
    page.heading("What sparsity buys and costs");
    plots.forEach(page::plot);
    page.heading("Results").table(ResultTables.summary(rows));
    page.heading("By pattern").table(ResultTables.byScale(measured));
    if (!bySize.isEmpty()) {
      page.heading("By block size").table(ResultTables.byBlockSize(bySize));
    }
    if (pictures) {
      addMasks(page, masks, SavedMasks.of(directory, measured));
    }
    page.heading("Environment");
    Path environment = directory.resolve("environment.json");
    page.preformatted(Files.exists(environment) ? Json.text(environment) : "no environment.json");
    String text = page.render("LVSA sweep");
    if (pictures) {
      writePictures(directory, plots, masks);
    }
    Table summary = ResultTables.summary(rows);
    Table byScale = ResultTables.byScale(measured);
    OutputFile.write(directory.resolve("summary.csv"), out -> summary.write().csv(out));
    OutputFile.write(directory.resolve("by-scale.csv"), out -> byScale.write().csv(out));
    if (!bySize.isEmpty()) {
      Table sizes = ResultTables.byBlockSize(bySize);
      OutputFile.write(directory.resolve("by-block-size.csv"), out -> sizes.write().csv(out));
    }
    Path html = directory.resolve("report.html");
    OutputFile.write(html, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
    return html;
  }

  private static void addMasks(
      HtmlPage page, Map<String, BufferedImage> masks, List<BlockMaskPicture.Titled> blocks) {
    page.heading("Patterns");
    if (!blocks.isEmpty()) {
      page.paragraph(
          "Queries from top to bottom, keys from left to right, in the order of tokens that the"
              + " pattern asks for; the number is the density. The first head is shown.");
      masks.put("patterns", BlockMaskPicture.draw(blocks, MASKS_PER_ROW, MASK_SIDE));
    }
    page.paragraph("Rows are query frames, columns the key frames that they attend to.");
    masks.forEach((title, mask) -> page.picture(mask, title));
  }

  private static void writePictures(
      Path directory, List<Plot> plots, Map<String, BufferedImage> masks) throws IOException {
    OutputFile.writeDirectory(
        directory.resolve("plots"),
        unfinished -> {
          for (Plot plot : plots) {
            PlotPicture.write(plot, unfinished.resolve(plot.id() + ".png"));
          }
          for (Map.Entry<String, BufferedImage> mask : masks.entrySet()) {
            String name = mask.getKey().replaceAll("[^a-zA-Z0-9.]+", "-");
            PlotPicture.write(mask.getValue(), unfinished.resolve("mask-" + name + ".png"));
          }
        });
  }

  private static String devices(List<ResultRow> rows) {
    return String.join(
        "; ",
        rows.stream()
            .map(row -> row.cell().backend() + " (" + row.provenance().device() + ")")
            .distinct()
            .toList());
  }

  /** One picture per setting: rows that differ only in backend or resolution share it. */
  private static Map<String, BufferedImage> masks(List<ResultRow> rows) {
    Map<String, BufferedImage> masks = new LinkedHashMap<>();
    for (ResultRow row : rows) {
      if (!row.cell().isScale()) {
        continue;
      }
      masks.computeIfAbsent(
          row.cell().model()
              + " "
              + row.cell().frames()
              + " frames, scale "
              + row.cell().sparsityScale(),
          ignored -> MaskPicture.draw(Pattern.build(settings(row)), 400));
    }
    return masks;
  }

  private static PatternSettings settings(ResultRow row) {
    // The interval in force is in the row, so the reference and the scale do not matter any more.
    PatternFacts facts = row.pattern().orElseThrow();
    return PatternSettings.of(
            row.cell().latentFrames(),
            1,
            facts.window(),
            facts.firstFrames(),
            1,
            row.cell().sparsityScale())
        .withKeyFrameInterval(OptionalInt.of(facts.keyFrameInterval()))
        .withStep(facts.step())
        .withRotateKeyframes(facts.step() > 0);
  }
}
