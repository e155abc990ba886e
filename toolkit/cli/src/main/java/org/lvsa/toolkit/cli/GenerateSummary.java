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
   * @param attention dense or lvsa
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
    if (report.fallbacks().isEmpty()) {
      out.println("  fallbacks: none");
    }
    report.fallbacks().forEach(line -> out.println("  fallback: " + line));
    denoised
        .cache()
        .ifPresent(summary -> summary.lines().forEach(line -> out.println("  " + line)));
  }
}
