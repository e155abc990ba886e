// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.lvsa.kernels.Progress;

/**
 * Who of a model's transformers and its VAE is on a device. Of several transformers one is there at
 * a time; transformer and VAE are there together, or take turns too. It keeps the most memory that
 * they had together.
 */
public final class DeviceTurns {
  private static final double MEBIBYTE = 1 << 20;

  private final boolean all;
  private final Map<Kind, Part> there = new EnumMap<>(Kind.class);
  private long most;
  private String said = "";

  /** What stands beside each other, unless all take turns. */
  enum Kind {
    TRANSFORMER("transformer"),
    VAE("VAE");

    private final String words;

    Kind(String words) {
      this.words = words;
    }
  }

  /** One of those that take turns. */
  interface Part {
    /** Frees the device's memory until it is prepared again. */
    void release();

    /** Bytes of the device's memory that it has now. */
    long taken();
  }

  /**
   * @param all whether transformer and VAE take turns too
   */
  DeviceTurns(boolean all) {
    this.all = all;
  }

  /** Makes room for a part that is prepared next. */
  void take(Kind kind, Part next) {
    most = Math.max(most, taken());
    for (Kind other : Kind.values()) {
      Part last = there.get(other);
      if (last != null && last != next && (all || other == kind)) {
        last.release();
        there.remove(other);
      }
    }
    there.put(kind, next);
  }

  /**
   * Tells what the parts have, if that is not what was told last.
   *
   * @param progress of the part that is ready now
   */
  void ready(Progress progress) {
    List<String> parts = new ArrayList<>();
    there.forEach((kind, part) -> parts.add(kind.words + " " + mebibytes(part.taken())));
    most = Math.max(most, taken());
    String now =
        "device memory: "
            + String.join(", ", parts)
            + "; together at most "
            + mebibytes(most)
            + " so far";
    if (!now.equals(said)) {
      said = now;
      progress.at(0, 1, now);
      progress.at(1, 1, "ready");
    }
  }

  private long taken() {
    return there.values().stream().mapToLong(Part::taken).sum();
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / MEBIBYTE);
  }
}
