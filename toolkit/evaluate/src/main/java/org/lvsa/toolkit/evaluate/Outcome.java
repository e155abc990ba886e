// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;

/** What came of judging a dimension. */
public sealed interface Outcome {
  /** Which one. */
  Dimension dimension();

  /** What was measured, by name, unrounded. */
  ObjectNode metrics();

  /** What was measured over time, by name. */
  Map<String, Curve> curves();

  /**
   * A measure over time.
   *
   * @param places numbers of the judged frames that were looked at; for pairs, of their first
   *     frames
   * @param values one per place
   */
  record Curve(int[] places, double[] values) {}

  /**
   * A dimension with a score.
   *
   * @param score from 0 to 100, before it is clamped and rounded
   */
  record Scored(Dimension dimension, double score, ObjectNode metrics, Map<String, Curve> curves)
      implements Outcome {
    /** The map is copied. */
    public Scored {
      curves = Map.copyOf(curves);
    }

    /** Without curves. */
    Scored(Dimension dimension, double score, ObjectNode metrics) {
      this(dimension, score, metrics, Map.of());
    }

    /** The score within 0 and 100. As in the published tool, what is no number counts as 100. */
    public double clamped() {
      return score < 100 ? Numbers.atLeastZero(score) : 100;
    }

    /** The score in a word. */
    public Verdict verdict(Rules rules) {
      return Verdict.of(rules == Rules.UPSTREAM ? score : Numbers.round(clamped(), 1));
    }
  }

  /**
   * A dimension without a score.
   *
   * @param reason why there is none, such as the networks that it needs
   */
  record Absent(Dimension dimension, String reason, ObjectNode metrics, Map<String, Curve> curves)
      implements Outcome {
    /** The map is copied. */
    public Absent {
      curves = Map.copyOf(curves);
    }
  }
}
