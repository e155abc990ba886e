// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.toolkit.offload.OffloadableComponents.Component;
import org.lvsa.toolkit.weights.Weights;

/**
 * The components of a pipeline that were found, in the order in which it names them.
 *
 * @param transformers name → weights
 * @param encoders name → bytes; they are opened for each use
 * @param vaes name → weights
 * @param blocks dotted name of a list → its blocks in order
 */
record Components(
    Map<String, WeightPart> transformers,
    Map<String, Long> encoders,
    Map<String, WeightPart> vaes,
    Map<String, List<WeightPart>> blocks) {

  /**
   * Looks for the components that a pipeline names. One that is missing is warned of, and one that
   * has two names counts once.
   *
   * @throws IllegalArgumentException if weights are not mapped from files
   */
  static Components of(OffloadableComponents pipeline, Consumer<String> warn) {
    Set<Weights> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    Map<String, WeightPart> transformers = open(pipeline, pipeline.transformers(), seen, warn);
    Map<String, WeightPart> vaes = open(pipeline, pipeline.vaes(), seen, warn);
    Map<String, Long> encoders = new LinkedHashMap<>();
    for (String name : pipeline.encoders()) {
      find(pipeline, name, warn)
          .ifPresent(
              found ->
                  encoders.put(
                      name,
                      switch (found) {
                        case Component.Open(Weights weights) -> weights.bytes();
                        case Component.OpenedPerUse(long bytes) -> bytes;
                      }));
    }
    Map<String, List<WeightPart>> blocks = new LinkedHashMap<>();
    for (String list : pipeline.blockLists()) {
      int dot = list.indexOf('.');
      if (dot < 1) {
        throw new IllegalArgumentException(
            "a list of blocks is named TRANSFORMER.LIST, got " + list);
      }
      if (transformers.containsKey(list.substring(0, dot))
          && pipeline.component(list.substring(0, dot)).orElseThrow()
              instanceof Component.Open(Weights weights)) {
        List<WeightPart> parts = blocks(list, weights, list.substring(dot + 1));
        if (parts.isEmpty()) {
          warn.accept(missing(list));
        } else {
          blocks.put(list, parts);
        }
      }
    }
    return new Components(transformers, encoders, vaes, blocks);
  }

  private static Map<String, WeightPart> open(
      OffloadableComponents pipeline,
      List<String> names,
      Set<Weights> seen,
      Consumer<String> warn) {
    Map<String, WeightPart> parts = new LinkedHashMap<>();
    for (String name : names) {
      Optional<Component> found = find(pipeline, name, warn);
      if (found.isPresent()
          && found.get() instanceof Component.Open(Weights weights)
          && seen.add(weights)) {
        parts.put(name, WeightPart.of(name, weights, ""));
      }
    }
    return parts;
  }

  private static Optional<Component> find(
      OffloadableComponents pipeline, String name, Consumer<String> warn) {
    Optional<Component> found = pipeline.component(name);
    if (found.isEmpty()) {
      warn.accept(missing(name));
    }
    return found;
  }

  private static String missing(String name) {
    return "Pipeline declares '"
        + name
        + "' as offloadable but the attribute does not exist or is None";
  }

  /** The blocks whose tensors are called {@code list.0.…}, {@code list.1.…} and so on. */
  private static List<WeightPart> blocks(String name, Weights weights, String list) {
    Pattern block = Pattern.compile(Pattern.quote(list) + "\\.(\\d{1,6})\\..*");
    Set<Integer> numbers = new TreeSet<>();
    for (String tensor : weights.names()) {
      Matcher matcher = block.matcher(tensor);
      if (matcher.matches()) {
        numbers.add(Integer.parseInt(matcher.group(1)));
      }
    }
    List<WeightPart> parts = new ArrayList<>();
    for (int number : numbers) {
      parts.add(WeightPart.of(name + "." + number, weights, list + "." + number + "."));
    }
    return parts;
  }
}
