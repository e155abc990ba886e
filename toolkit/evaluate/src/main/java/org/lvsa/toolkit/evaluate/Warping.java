// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.toolkit.evaluate.frame.GrayImage;
import org.lvsa.toolkit.evaluate.frame.KeyPoints;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;

/**
 * Where parts of the picture jump while the rest does not: key points of consecutive judged frames
 * of which a few moved much further than the others.
 *
 * @param pairs how many pairs of frames had enough key points to judge
 * @param events pairs that warp, by ascending place
 */
record Warping(int pairs, List<Event> events) {
  private static final int PAIRS = 20;
  private static final double RATIO = 5;
  private static final double FAR = 20;
  private static final int MOST_SHOWN = 5;

  /**
   * A pair that warps.
   *
   * @param first place of its first frame among the judged ones
   * @param severity a tenth of the ratio of the 95th percentile of the displacements to their
   *     median
   */
  record Event(int first, double severity) {}

  Warping {
    events = List.copyOf(events);
  }

  /** Looks at about 20 pairs of a video, on all cores. */
  static Warping of(SampledVideo video, Rules rules) {
    int[] firsts = Pairs.pairs(video.count(), PAIRS);
    List<double[]> displacements =
        IntStream.of(firsts)
            .parallel()
            .mapToObj(
                i ->
                    KeyPoints.match(GrayImage.of(video.frame(i)), GrayImage.of(video.frame(i + 1)))
                        .displacements())
            .toList();
    int judged = (int) displacements.stream().filter(d -> d.length >= KeyPoints.FEWEST).count();
    return new Warping(
        judged,
        IntStream.range(0, firsts.length)
            .filter(i -> displacements.get(i).length >= KeyPoints.FEWEST)
            .mapToObj(i -> event(firsts[i], displacements.get(i), rules))
            .flatMap(List::stream)
            .toList());
  }

  private static List<Event> event(int first, double[] displacements, Rules rules) {
    double ratio = ratio(displacements, rules);
    return ratio > RATIO && Numbers.percentile(displacements, 95) > FAR
        ? List.of(new Event(first, ratio / 10))
        : List.of();
  }

  /**
   * How much further the fastest key points moved than the middle one. Under upstream's rules a
   * standing background hides every jump; under ours it counts as moving by one pixel.
   */
  static double ratio(double[] displacements, Rules rules) {
    double median = Numbers.median(displacements);
    double high = Numbers.percentile(displacements, 95);
    if (rules == Rules.MENDED) {
      return high / Math.max(median, 1);
    }
    return median > 0 ? high / (median + 1e-6) : 0;
  }

  double meanSeverity() {
    return events.isEmpty()
        ? 0
        : Numbers.mean(events.stream().mapToDouble(Event::severity).toArray());
  }

  /** Points off the score, of 100. */
  double penalty(Rules rules) {
    if (rules == Rules.UPSTREAM) {
      return Math.min(5 * events.size(), 30);
    }
    return pairs == 0 ? 0 : 30.0 * events.size() / pairs;
  }

  /** Writes the count, the mean severity and a few pairs: the first ones, or the worst ones. */
  void write(ObjectNode metrics, SampledVideo video, Rules rules) {
    boolean upstream = rules == Rules.UPSTREAM;
    metrics.put("warping_events", events.size());
    if (!upstream) {
      metrics.put("warping_pairs", pairs);
    }
    metrics.put(
        "warping_severity_mean", upstream ? Numbers.round(meanSeverity(), 4) : meanSeverity());
    ArrayNode shown = metrics.putArray("worst_transition_idx");
    Stream<Event> order =
        upstream
            ? events.stream()
            : events.stream().sorted(Comparator.comparingDouble(Event::severity).reversed());
    order
        .limit(MOST_SHOWN)
        .forEach(
            event ->
                shown
                    .addArray()
                    .add(video.index(event.first()))
                    .add(video.index(event.first() + 1)));
  }
}
