// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import static org.lvsa.benchmarks.peers.PeerComparison.BEFORE;
import static org.lvsa.benchmarks.peers.PeerComparison.OURS;
import static org.lvsa.benchmarks.peers.PeerComparison.OURS_F32;
import static org.lvsa.benchmarks.peers.PeerComparison.TORCH;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.lvsa.toolkit.sweep.Statistics;

/** The rounds of a results file as two tables in Markdown: speeds, and the bars of the issue. */
final class PeerTable {
  /** With fewer rounds there is no 95 % interval of a median, and all of them are shown. */
  private static final int LEAST_ROUNDS = 6;

  private static final String MAIN_SIZES = "81x96x4x128";

  private PeerTable() {}

  /**
   * What has to be reached.
   *
   * @param bits at this width; 0 for any
   * @param of this contestant's speed
   * @param to over that one's
   * @param dense at least so much, dense
   * @param sparse at least so much, sparse
   */
  private record Bar(int bits, String of, String to, double dense, double sparse) {
    double of(String what) {
      return what.equals("dense") ? dense : sparse;
    }
  }

  /** Within 10 % of the bars of the main sizes for all others. */
  private static List<Bar> bars(String peerCase) {
    double share = peerCase.startsWith(MAIN_SIZES) ? 1 : 0.9;
    return List.of(
        new Bar(256, OURS, TORCH, share, 1.6 * share),
        new Bar(512, OURS, BEFORE, share, share),
        new Bar(0, OURS, OURS_F32, 0.9, 0.9));
  }

  /** The tables. */
  static String of(List<PeerRound> rounds) {
    Map<String, List<PeerRound>> groups = new LinkedHashMap<>();
    List<String> order = PeerCase.ALL.stream().map(PeerCase::name).toList();
    rounds.stream()
        .sorted(
            Comparator.comparingInt(PeerRound::bits)
                .thenComparingInt(round -> order.indexOf(round.peerCase()))
                .thenComparing(PeerRound::peerCase))
        .forEach(
            round -> groups.computeIfAbsent(round.group(), key -> new ArrayList<>()).add(round));
    List<String> lines = new ArrayList<>();
    lines.add(
        "| bits | case | contestant | rounds | dense GFLOP/s | sparse GFLOP/s | busy threads |");
    lines.add("|---|---|---|---|---|---|---|");
    groups.values().forEach(group -> speeds(group, lines));
    lines.add("");
    lines.add("| bits | case | ratio | dense | bar | sparse | bar |");
    lines.add("|---|---|---|---|---|---|---|");
    groups.values().forEach(group -> ratios(group, lines));
    lines.add("");
    contestants(rounds).forEach((name, who) -> lines.add("- " + name + ": " + who));
    return String.join("\n", lines) + "\n";
  }

  private static void speeds(List<PeerRound> group, List<String> lines) {
    PeerCase peerCase = PeerCase.parse(group.getFirst().peerCase());
    for (String name : group.getFirst().contestants().keySet()) {
      lines.add(
          String.format(
              Locale.ROOT,
              "| %d | %s | %s | %d | %s | %s | %s |",
              group.getFirst().bits(),
              peerCase.name(),
              name,
              group.size(),
              interval(group, 0, gflops(name, "dense", peerCase.flops(false))),
              interval(group, 0, gflops(name, "sparse", peerCase.flops(true))),
              busy(group, name, "dense") + " / " + busy(group, name, "sparse")));
    }
  }

  private static ToDoubleFunction<PeerRound> gflops(String name, String what, double flops) {
    return round -> flops / round.times().get(name + " " + what).millis() / 1e6;
  }

  private static String busy(List<PeerRound> group, String name, String what) {
    double[] busy =
        group.stream()
            .map(round -> round.times().get(name + " " + what))
            .mapToDouble(PeerTime::busyThreads)
            .toArray();
    return String.format(Locale.ROOT, "%.2f", Statistics.median(busy));
  }

  private static void ratios(List<PeerRound> group, List<String> lines) {
    PeerRound first = group.getFirst();
    for (String to : List.of(TORCH, BEFORE, OURS_F32)) {
      if (first.contestants().containsKey(to)) {
        StringBuilder line =
            new StringBuilder(
                String.format(
                    Locale.ROOT,
                    "| %d | %s | %s / %s |",
                    first.bits(),
                    first.peerCase(),
                    OURS,
                    to));
        for (String what : List.of("dense", "sparse")) {
          line.append(' ')
              .append(interval(group, 2, round -> round.ratio(OURS, to, what).orElseThrow()))
              .append(" | ")
              .append(verdict(group, to, what))
              .append(" |");
        }
        lines.add(line.toString());
      }
    }
  }

  /** Whether the bar holds, for a ratio that has one. */
  private static String verdict(List<PeerRound> group, String to, String what) {
    PeerRound first = group.getFirst();
    for (Bar bar : bars(first.peerCase())) {
      if (bar.to().equals(to) && (bar.bits() == 0 || bar.bits() == first.bits())) {
        double[] ratios =
            group.stream()
                .map(round -> round.ratio(OURS, to, what))
                .mapToDouble(OptionalDouble::orElseThrow)
                .toArray();
        double most = ends(ratios).high();
        String word =
            Statistics.median(ratios) >= bar.of(what)
                ? "holds"
                : most >= bar.of(what) ? "within the noise" : "**FAILS**";
        return String.format(Locale.ROOT, "%.2f %s", bar.of(what), word);
      }
    }
    return "";
  }

  private static String interval(
      List<PeerRound> group, int decimals, ToDoubleFunction<PeerRound> value) {
    Statistics.Interval ends = ends(group.stream().mapToDouble(value).toArray());
    String number = "%." + decimals + "f";
    return String.format(
        Locale.ROOT,
        number + " [" + number + ", " + number + "]",
        ends.median(),
        ends.low(),
        ends.high());
  }

  /** The median with its 95 % interval, or with the extremes of a few values. */
  private static Statistics.Interval ends(double[] values) {
    if (values.length >= LEAST_ROUNDS) {
      return Statistics.medianInterval(values);
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return new Statistics.Interval(Statistics.median(values), sorted[0], sorted[sorted.length - 1]);
  }

  private static Map<String, String> contestants(List<PeerRound> rounds) {
    Map<String, String> all = new TreeMap<>();
    for (PeerRound round : rounds) {
      round
          .contestants()
          .forEach((name, who) -> all.put(name + ", " + round.bits() + " bits", who));
    }
    return all;
  }
}
