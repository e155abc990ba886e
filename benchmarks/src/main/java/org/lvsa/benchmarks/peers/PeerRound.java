// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.lvsa.toolkit.io.Json;

/**
 * What one round gave: each contestant's dense and sparse time, measured one right after the other.
 * A line of the results file.
 *
 * @param peerCase name of the case
 * @param bits the vector width
 * @param threads that each contestant had
 * @param commit the toolkit's
 * @param contestants what each said it is, by name
 * @param times by {@code NAME dense} and {@code NAME sparse}
 * @param load the machine's load of the last minute, contestants included
 * @param timestamp when the round ended
 */
record PeerRound(
    String peerCase,
    int bits,
    int threads,
    String commit,
    TreeMap<String, String> contestants,
    TreeMap<String, PeerTime> times,
    double load,
    String timestamp) {

  /** Appends the round to a file. */
  void append(Path file) throws IOException {
    Files.writeString(
        file,
        Json.mapper().writeValueAsString(this) + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }

  /** All rounds of a file; none if it does not exist. */
  static List<PeerRound> read(Path file) {
    List<PeerRound> rounds = new ArrayList<>();
    if (Files.exists(file)) {
      int number = 0;
      for (String line : Json.text(file).lines().toList()) {
        number++;
        JsonNode node = Json.parse(line, file.toString(), number);
        rounds.add(Json.convert(node, PeerRound.class, file + ", line " + number));
      }
    }
    return rounds;
  }

  /** Whether the round is one of these contestants in this case. */
  boolean isOf(PeerCase wanted, PeerWidth width, int withThreads, List<String> names) {
    return peerCase.equals(wanted.name())
        && bits == width.bits()
        && threads == withThreads
        && contestants.keySet().equals(Set.copyOf(names));
  }

  /** What the rounds have in common that are summed up together. */
  String group() {
    return bits + " bits, " + peerCase + ", " + threads + " threads, " + contestants.keySet();
  }

  /** How many times as fast as another contestant one was; empty if either did not take part. */
  OptionalDouble ratio(String of, String to, String what) {
    PeerTime one = times.get(of + " " + what);
    PeerTime other = times.get(to + " " + what);
    return one == null || other == null
        ? OptionalDouble.empty()
        : OptionalDouble.of(other.millis() / one.millis());
  }

  /**
   * The least share of its threads that a contestant had. A library that waits for a thread which
   * has no processor is slowed down far more than by its share, so such a round says nothing.
   */
  double leastBusy() {
    return times.values().stream()
        .mapToDouble(time -> time.busyThreads() / threads)
        .min()
        .orElseThrow();
  }

  /** The times for a line of progress, and how many threads were busy meanwhile. */
  String inWords() {
    return times.entrySet().stream()
        .map(
            one ->
                String.format(
                    Locale.ROOT,
                    "%s %.0f ms (%.2f)",
                    one.getKey(),
                    one.getValue().millis(),
                    one.getValue().busyThreads()))
        .collect(Collectors.joining(", "));
  }
}
