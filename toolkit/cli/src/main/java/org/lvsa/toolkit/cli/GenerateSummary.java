// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.util.Locale;
import org.lvsa.toolkit.pipeline.AttentionReport;
import org.lvsa.toolkit.pipeline.VideoRun;

/** What a generation tells at its end. */
final class GenerateSummary {
  private GenerateSummary() {}

  /**
   * Prints what really ran.
   *
   * @param name what was made
   * @param attention dense, lvsa, or the name of a pattern
   */
  static void print(PrintWriter out, String name, String attention, VideoRun.Denoised denoised) {
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
    report
        .pattern()
        .ifPresent(
            pattern ->
                out.printf(
                    Locale.ROOT,
                    "  %s%n  %d self-attentions dense by the schedule, %d with the pattern at density"
                        + " %.4f; choosing blocks took %s%n",
                    pattern.pattern(),
                    pattern.dense(),
                    pattern.sparse(),
                    pattern.density(),
                    GenerateProgress.duration(pattern.selectMillis() / 1000)));
    if (report.fallbacks().isEmpty()) {
      out.println("  fallbacks: none");
    }
    report.fallbacks().forEach(line -> out.println("  fallback: " + line));
    denoised
        .cache()
        .ifPresent(summary -> summary.lines().forEach(line -> out.println("  " + line)));
  }
}
