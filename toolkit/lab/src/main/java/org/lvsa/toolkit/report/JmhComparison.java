// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Two JMH runs of the same benchmarks: what changed beyond the noise. */
public record JmhComparison(List<Change> changes, List<String> unmatched) {

  /** What became of a benchmark. */
  public enum Verdict {
    /** The confidence intervals do not meet, for the better. */
    FASTER,
    /** The confidence intervals do not meet, for the worse. */
    SLOWER,
    /** They meet. */
    SAME
  }

  /**
   * One benchmark in both runs.
   *
   * @param speedup time before over time after
   */
  public record Change(JmhResult before, JmhResult after, double speedup, Verdict verdict) {}

  /**
   * Compares two result files.
   *
   * @throws IllegalArgumentException if they have no benchmark in common
   */
  public static JmhComparison of(Path before, Path after) throws IOException {
    return of(JmhResult.read(before), JmhResult.read(after));
  }

  static JmhComparison of(List<JmhResult> before, List<JmhResult> after) {
    Map<String, JmhResult> later =
        after.stream().collect(Collectors.toMap(JmhResult::key, Function.identity(), (a, b) -> b));
    List<Change> changes = new ArrayList<>();
    List<String> unmatched = new ArrayList<>();
    for (JmhResult one : before) {
      JmhResult other = later.remove(one.key());
      if (other == null) {
        unmatched.add(one.key() + " (only before)");
      } else {
        changes.add(change(one, other));
      }
    }
    later.keySet().stream().sorted().forEach(key -> unmatched.add(key + " (only after)"));
    if (changes.isEmpty()) {
      throw new IllegalArgumentException("the two results have no benchmark in common");
    }
    return new JmhComparison(List.copyOf(changes), List.copyOf(unmatched));
  }

  private static Change change(JmhResult before, JmhResult after) {
    double ratio = after.score() / before.score();
    double speedup = before.throughput() ? ratio : 1 / ratio;
    // Without an error there is no telling; NaN makes the comparison false.
    boolean apart = Math.abs(after.score() - before.score()) > before.error() + after.error();
    Verdict verdict = !apart ? Verdict.SAME : speedup > 1 ? Verdict.FASTER : Verdict.SLOWER;
    return new Change(before, after, speedup, verdict);
  }

  /** A line a benchmark. */
  public String text() {
    StringBuilder text = new StringBuilder();
    for (Change change : changes) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-6s %5.2fx  %s %s: %.4g ±%.2g -> %.4g ±%.2g %s%n",
              change.verdict().name().toLowerCase(Locale.ROOT),
              change.speedup(),
              change.before().benchmark(),
              change.before().parameters(),
              change.before().score(),
              change.before().error(),
              change.after().score(),
              change.after().error(),
              change.before().unit()));
    }
    unmatched.forEach(key -> text.append("no pair: ").append(key).append('\n'));
    return text.toString();
  }
}
