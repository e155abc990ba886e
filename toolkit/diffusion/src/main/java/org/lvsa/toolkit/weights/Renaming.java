// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * How the names of a checkpoint become those that a model asks for, as a table: checkpoints of the
 * same weights go by several names. Rules are applied in their order, each wherever it fits. A name
 * that no rule fits stays, so that the table of one naming does no harm to another.
 *
 * @param rules name part → what takes its place
 * @param stacks tensors that a checkpoint stores as one, and under which names it is taken apart
 * @param joins tensors that a checkpoint stores apart and a model reads as one
 */
public record Renaming(List<Rule> rules, List<Stack> stacks, List<Join> joins) {
  /** Names stay as they are. */
  public static final Renaming NONE = new Renaming(List.of(), List.of(), List.of());

  /** The lists are copied. */
  public Renaming {
    rules = List.copyOf(rules);
    stacks = List.copyOf(stacks);
    joins = List.copyOf(joins);
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

  /**
   * Tensors whose rows a model reads one after the other, such as query, key and value of an
   * attention that a model computes with one layer. Where one of them is missing, none is joined.
   *
   * @param first a regular expression for the whole name of the first one
   * @param others the names of the further ones in order; {@code $1} and so on are the expression's
   *     groups
   * @param to the name of the whole, likewise
   */
  public record Join(Pattern first, List<String> others, String to) {
    /** The list is copied. */
    public Join {
      others = List.copyOf(others);
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
    return new Renaming(more, stacks, joins);
  }

  /** This table and another one behind. */
  public Renaming then(Renaming other) {
    List<Rule> moreRules = new ArrayList<>(rules);
    moreRules.addAll(other.rules);
    List<Stack> moreStacks = new ArrayList<>(stacks);
    moreStacks.addAll(other.stacks);
    List<Join> moreJoins = new ArrayList<>(joins);
    moreJoins.addAll(other.joins);
    return new Renaming(moreRules, moreStacks, moreJoins);
  }

  /** This table, which after the rules takes stacked tensors apart too. */
  public Renaming unstack(String from, String... to) {
    List<Stack> more = new ArrayList<>(stacks);
    more.add(new Stack(Pattern.compile(from), List.of(to)));
    return new Renaming(rules, more, joins);
  }

  /** This table, which at last joins tensors too. */
  public Renaming join(String first, List<String> others, String to) {
    List<Join> more = new ArrayList<>(joins);
    more.add(new Join(Pattern.compile(first), others, to));
    return new Renaming(rules, stacks, more);
  }

  /** The name that a model asks for. */
  public String name(String stored) {
    String name = stored;
    for (Rule rule : rules) {
      name = rule.from().matcher(name).replaceAll(rule.to());
    }
    return name;
  }

  /**
   * The tensors of a checkpoint as a model asks for them.
   *
   * @param place of the checkpoint, for messages
   * @param arena holds the tensors that are joined
   * @throws MalformedFileException if two tensors get the same name
   */
  Map<String, WeightTensor> apply(Path place, Map<String, WeightTensor> stored, Arena arena) {
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (WeightTensor one : stored.values()) {
      parts(one)
          .forEach(
              (name, tensor) -> {
                if (tensors.putIfAbsent(name, tensor) != null) {
                  throw new MalformedFileException(
                      place + ": holds the tensor " + name + " twice, once as " + one.name());
                }
              });
    }
    for (Join join : joins) {
      for (String name : List.copyOf(tensors.keySet())) {
        join(join, name, tensors, arena);
      }
    }
    return tensors;
  }

  /** The tensors that a stored one is for the model: itself, or its parts. */
  private Map<String, WeightTensor> parts(WeightTensor stored) {
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

  private static void join(Join join, String name, Map<String, WeightTensor> tensors, Arena arena) {
    Matcher matcher = join.first().matcher(name);
    if (!matcher.matches()) {
      return;
    }
    List<String> names =
        Stream.concat(Stream.of(name), join.others().stream().map(matcher::replaceAll)).toList();
    List<WeightTensor> parts = names.stream().map(tensors::get).filter(Objects::nonNull).toList();
    if (parts.size() < names.size()) {
      return;
    }
    String whole = matcher.replaceAll(join.to());
    joined(whole, parts, arena)
        .ifPresent(
            tensor -> {
              names.forEach(tensors::remove);
              tensors.put(whole, tensor);
            });
  }

  /** Parts of one type whose rows are of one shape; empty for others, which a check then names. */
  private static Optional<WeightTensor> joined(String name, List<WeightTensor> parts, Arena arena) {
    WeightTensor first = parts.getFirst();
    boolean alike =
        parts.stream()
            .allMatch(
                part ->
                    !part.shape().isEmpty()
                        && part.type() == first.type()
                        && part.rowShape().equals(first.rowShape()));
    if (!alike) {
      return Optional.empty();
    }
    List<Long> shape = new ArrayList<>(first.shape());
    shape.set(0, parts.stream().mapToLong(part -> part.shape().getFirst()).sum());
    MemorySegment data =
        arena.allocate(parts.stream().mapToLong(part -> part.data().byteSize()).sum(), 64);
    long at = 0;
    for (WeightTensor part : parts) {
      MemorySegment.copy(part.data(), 0, data, at, part.data().byteSize());
      at += part.data().byteSize();
    }
    return Optional.of(new WeightTensor(name, first.type(), shape, data));
  }
}
