// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sharding;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Where a transformer's tensors are split among ranks and gathered again: a module's path → points.
 * A path is as in a published model, such as {@code blocks.0} or {@code proj_out}; one number of it
 * may be {@code *}, for every module of a list.
 *
 * @param points by path
 */
public record SequencePlan(Map<String, List<Point>> points) {

  /** One tensor of a module. */
  public sealed interface Point permits SplitInput, SplitOutput, SplitPart, Gather {
    /** The axis that is split or gathered. */
    int dim();

    /**
     * How many axes the tensor must have. One with another number is left as it is, which a plan
     * may use on purpose. Empty for any number.
     */
    OptionalInt expectedDims();
  }

  /**
   * A tensor that a module takes.
   *
   * @param name of the module's parameter
   * @param autoPad whether a length that does not divide is filled up with zeros; else it is
   *     refused
   */
  public record SplitInput(String name, int dim, OptionalInt expectedDims, boolean autoPad)
      implements Point {}

  /**
   * A tensor that a module gives.
   *
   * @param index which of the tensors that it gives
   * @param autoPad as for an input
   */
  public record SplitOutput(int index, int dim, OptionalInt expectedDims, boolean autoPad)
      implements Point {}

  /** Where text lies in a tensor of text and video tokens. */
  public enum Text {
    /** Before the video's tokens. */
    FRONT,
    /** Behind them. */
    REAR
  }

  /**
   * A tensor of text and video tokens that a module takes: the video's are split, and every rank
   * keeps all text.
   *
   * @param name of the module's parameter
   * @param text where the text is
   */
  public record SplitPart(String name, int dim, OptionalInt expectedDims, Text text)
      implements Point {}

  /**
   * A tensor that a module gives, gathered from all ranks without padding.
   *
   * @param index which of the tensors that it gives
   */
  public record Gather(int index, int dim, OptionalInt expectedDims) implements Point {}

  /**
   * Checks the plan and copies it.
   *
   * @throws IllegalArgumentException naming the path that is wrong
   */
  public SequencePlan {
    Map<String, List<Point>> copy = new LinkedHashMap<>();
    points.forEach(
        (path, its) -> {
          if (path.chars().filter(c -> c == '*').count() > 1
              || path.matches(".*([^.]\\*|\\*[^.]).*")) {
            throw new IllegalArgumentException(
                "a path may have one number replaced by *, got " + path);
          }
          if (its.isEmpty() || its.stream().anyMatch(point -> point.dim() < 0)) {
            throw new IllegalArgumentException(
                "a path needs points with axes from 0, got " + path + " → " + its);
          }
          copy.put(path, List.copyOf(its));
        });
    if (copy.values().stream().flatMap(List::stream).noneMatch(Gather.class::isInstance)) {
      throw new IllegalArgumentException(
          "a plan needs a point that gathers what it splits, got " + copy);
    }
    points = Collections.unmodifiableMap(copy);
  }

  /**
   * The plan of a model whose text tokens are a stream of their own, which every rank keeps: the
   * video's stream is divided before the first block and gathered behind the output head, and the
   * table of positions with it.
   *
   * @param firstBlock path of the first block
   */
  public static SequencePlan ofVideoStream(String firstBlock, boolean rotary) {
    Map<String, List<Point>> points = new LinkedHashMap<>();
    if (rotary) {
      points.put("rope", List.of(new SplitOutput(0, 1, OptionalInt.of(4), true)));
    }
    points.put(firstBlock, List.of(new SplitInput("hidden_states", 1, OptionalInt.of(3), true)));
    points.put("proj_out", List.of(new Gather(0, 1, OptionalInt.of(3))));
    return new SequencePlan(points);
  }

  /** The path of the plan that names a module; null if none does. */
  String path(String module) {
    if (points.containsKey(module)) {
      return module;
    }
    return points.keySet().stream()
        .filter(path -> path.contains("*"))
        .filter(path -> module.matches(path.replace(".", "\\.").replace("*", "\\d+")))
        .findFirst()
        .orElse(null);
  }
}
