// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import java.util.List;
import java.util.Locale;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.sweep.Statistics;

/**
 * What one attention took.
 *
 * @param millis on the clock
 * @param cpuMillis CPU time of all threads of the process
 */
record PeerTime(double millis, double cpuMillis) {
  /** Reads what {@link #toString} writes. */
  static PeerTime parse(String line) {
    String[] parts = line.strip().split(" ");
    try {
      return new PeerTime(Double.parseDouble(parts[0]), Double.parseDouble(parts[1]));
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw new IllegalStateException(
          "a contestant was to say two times in milliseconds and said " + Messages.cut(line), e);
    }
  }

  /** How many threads were busy, as a mean over the time. */
  double busyThreads() {
    return cpuMillis / millis;
  }

  /** The medians of some times. */
  static PeerTime median(List<PeerTime> times) {
    return new PeerTime(
        Statistics.median(times.stream().mapToDouble(PeerTime::millis).toArray()),
        Statistics.median(times.stream().mapToDouble(PeerTime::cpuMillis).toArray()));
  }

  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%.3f %.3f", millis, cpuMillis);
  }
}
