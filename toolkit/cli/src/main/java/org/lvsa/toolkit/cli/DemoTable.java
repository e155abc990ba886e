// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import org.lvsa.toolkit.cli.DemoRank.Step;
import org.lvsa.toolkit.pipeline.RankPlan;

/**
 * What a demo prints: a row per step, with times, density and differences.
 *
 * @param dense the steps with dense attention
 * @param sparse the steps with sparse attention on one rank
 * @param together the steps on all ranks, as rank 0 saw them; empty if there is one rank
 * @param latentFrames of the video
 * @param ranks how {@code together} was run
 */
record DemoTable(
    List<Step> dense, List<Step> sparse, List<Step> together, int latentFrames, RankPlan ranks) {

  void print(PrintWriter out) {
    boolean several = !together.isEmpty();
    line(out, "%-5s %21s %21s %9s %16s %11s", "", "SDPA ms", "LVSA ms", "attention", "", "");
    line(out, several ? " %34s%n" : "%n", ranks);
    line(
        out,
        "%-5s %10s %10s %10s %10s %9s %16s %11s",
        "step",
        "attention",
        "all",
        "attention",
        "all",
        "speed-up",
        "attended frames",
        "difference");
    line(out, several ? " %10s %10s %12s%n" : "%n", "attention", "MB sent", "difference");
    for (int step = 0; step < dense.size(); step++) {
      row(out, step);
    }
    out.println("difference: of the latents after the step, |LVSA - SDPA| / |SDPA|");
    if (several) {
      line(
          out,
          "%s: kernel ms and MB sent of rank 0; difference from one rank with the same pattern%n",
          ranks);
      if (together.getLast().density() != sparse.getLast().density()) {
        line(
            out,
            "NOT THE SAME PATTERN: on %s a frame attended to %.1f of %d frames, see the log lines%n",
            ranks,
            together.getLast().density() * latentFrames,
            latentFrames);
      }
    }
  }

  private void row(PrintWriter out, int step) {
    Step exact = dense.get(step);
    Step approximate = sparse.get(step);
    line(
        out,
        "%-5d %10.1f %10.1f %10.1f %10.1f %9.2f %10.1f of %3d %11.4f",
        step,
        exact.attentionMillis(),
        exact.millis(),
        approximate.attentionMillis(),
        approximate.millis(),
        exact.attentionMillis() / approximate.attentionMillis(),
        approximate.density() * latentFrames,
        latentFrames,
        difference(approximate, exact));
    if (!together.isEmpty()) {
      Step parallel = together.get(step);
      line(
          out,
          " %10.1f %10.2f %12.1e",
          parallel.attentionMillis(),
          parallel.bytesSent() / 1e6,
          difference(parallel, approximate));
    }
    out.println();
  }

  private static void line(PrintWriter out, String format, Object... values) {
    out.printf(Locale.ROOT, format, values);
  }

  private static double difference(Step one, Step other) {
    double squares = 0;
    double size = 0;
    for (int e = 0; e < one.state().length; e++) {
      squares += Math.pow(one.state()[e] - other.state()[e], 2);
      size += Math.pow(other.state()[e], 2);
    }
    return Math.sqrt(squares / size);
  }
}
