// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.Messages;

/** What is judged in a video, in the order in which it is reported. */
public enum Dimension {
  /** Each frame as a picture. */
  SPATIAL_QUALITY("spatial", 0.20),
  /** Whether frames follow from each other. */
  TEMPORAL_COHERENCE("temporal", 0.25),
  /** Whether the video does not repeat itself. */
  LOOP_QUALITY("loop", 0.15),
  /** Banding, wrong anatomy, repeated texture, halos and unnatural noise. */
  ARTIFACT_DETECTION("artifacts", 0.20),
  /** How much moves, in how many directions, and how it looks. */
  DYNAMIC_QUALITY("dynamic", 0.10),
  /** Whether the video shows the prompt. */
  TEXT_ALIGNMENT("text", 0.10);

  private final String alias;
  private final double weight;

  Dimension(String alias, double weight) {
    this.alias = alias;
    this.weight = weight;
  }

  /** Its name in files, such as {@code spatial_quality}. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Its short name on the command line. */
  public String alias() {
    return alias;
  }

  /** Its share of the composite score, if nobody says otherwise. */
  public double weight() {
    return weight;
  }

  /** Its name in a sentence, such as {@code spatial quality}. */
  public String title() {
    return id().replace('_', ' ');
  }

  /** The dimension with a name or an alias. */
  public static Optional<Dimension> named(String name) {
    return Stream.of(values())
        .filter(dimension -> dimension.alias.equals(name) || dimension.id().equals(name))
        .findFirst();
  }

  /**
   * Reads names with commas between them.
   *
   * @param rules whether unknown names are refused or, as the published tool does, left out
   */
  public static List<Dimension> list(String names, Rules rules) {
    List<Dimension> list = new ArrayList<>();
    for (String name : names.split(",")) {
      Optional<Dimension> known = named(name.strip());
      if (known.isEmpty() && rules == Rules.MENDED) {
        throw unknown(name.strip());
      }
      known.ifPresent(list::add);
    }
    return list;
  }

  /** That nobody knows a dimension of that name. */
  static IllegalArgumentException unknown(String name) {
    return new IllegalArgumentException(
        Messages.unknown("dimension", name, Stream.of(values()).map(Dimension::alias).toList()));
  }
}
