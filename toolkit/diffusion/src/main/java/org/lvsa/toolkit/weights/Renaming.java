// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * How the names of a checkpoint become those that a model asks for, as a table: checkpoints of the
 * same weights go by several names. Rules are applied in their order, each wherever it fits. A name
 * that no rule fits stays, so that the table of one naming does no harm to another.
 *
 * @param rules name part → what takes its place
 * @param stacks tensors that a checkpoint stores as one, and under which names it is taken apart
 */
public record Renaming(List<Rule> rules, List<Stack> stacks) {
  /** Names stay as they are. */
  public static final Renaming NONE = new Renaming(List.of(), List.of());

  /** The lists are copied. */
  public Renaming {
    rules = List.copyOf(rules);
    stacks = List.copyOf(stacks);
  }

  /**
   * One rule.
   *
   * @param from a regular expression that is searched for in a name
   * @param to what takes its place; {@code $1} and so on are the expression's groups
   */
  public record Rule(Pattern from, String to) {}

  /**
   * A tensor whose rows are those of several, one after the other and as many of each, such as
   * query, key and value of an attention.
   *
   * @param from a regular expression for the whole name
   * @param to the names of its parts in order; {@code $1} and so on are the expression's groups
   */
  public record Stack(Pattern from, List<String> to) {
    /** The list is copied. */
    public Stack {
      to = List.copyOf(to);
    }
  }

  /** A table of one rule. */
  public static Renaming of(String from, String to) {
    return NONE.then(from, to);
  }

  /** This table and one more rule behind. */
  public Renaming then(String from, String to) {
    List<Rule> more = new ArrayList<>(rules);
    more.add(new Rule(Pattern.compile(from), to));
    return new Renaming(more, stacks);
  }

  /** This table and another one behind. */
  public Renaming then(Renaming other) {
    List<Rule> moreRules = new ArrayList<>(rules);
    moreRules.addAll(other.rules);
    List<Stack> moreStacks = new ArrayList<>(stacks);
    moreStacks.addAll(other.stacks);
    return new Renaming(moreRules, moreStacks);
  }

  /** This table, which after the rules takes stacked tensors apart too. */
  public Renaming unstack(String from, String... to) {
    List<Stack> more = new ArrayList<>(stacks);
    more.add(new Stack(Pattern.compile(from), List.of(to)));
    return new Renaming(rules, more);
  }

  /** The name that a model asks for. */
  public String name(String stored) {
    String name = stored;
    for (Rule rule : rules) {
      name = rule.from().matcher(name).replaceAll(rule.to());
    }
    return name;
  }

  /** The tensors that a stored one is for the model: itself, or its parts. */
  Map<String, WeightTensor> apply(WeightTensor stored) {
    String name = name(stored.name());
    for (Stack stack : stacks) {
      Matcher matcher = stack.from().matcher(name);
      if (matcher.matches() && !stored.shape().isEmpty()) {
        int parts = stack.to().size();
        if (stored.size(0) % parts == 0) {
          Map<String, WeightTensor> tensors = new LinkedHashMap<>();
          IntStream.range(0, parts)
              .forEach(
                  part -> {
                    String partName = matcher.replaceAll(stack.to().get(part));
                    tensors.put(partName, stored.rows(partName, part, parts));
                  });
          return tensors;
        }
      }
    }
    return Map.of(name, stored.named(name));
  }
}
