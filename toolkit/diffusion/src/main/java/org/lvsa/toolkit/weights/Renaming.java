// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
 * that no rule fits stays, so that the table of one naming does no harm to another. Nothing is
 * copied: what a model gets are views of what is stored.
 *
 * @param rules name part → what takes its place
 * @param stacks tensors, named as after the rules, whose rows are those of several others
 * @param flat regular expressions for names, after the rules, of tensors whose first axes of size 1
 *     do not count
 * @param foreign regular expressions for names, after the rules, of what belongs to another model
 *     in the same file
 */
public record Renaming(
    List<Rule> rules, List<Stack> stacks, List<Pattern> flat, List<Pattern> foreign) {
  /** Names stay as they are. */
  public static final Renaming NONE = new Renaming(List.of(), List.of(), List.of(), List.of());

  /** Of single files that hold a transformer as a part of something larger. */
  public static final Renaming SINGLE_FILE = of("^(model\\.)?diffusion_model\\.", "");

  /** The lists are copied. */
  public Renaming {
    rules = List.copyOf(rules);
    stacks = List.copyOf(stacks);
    flat = List.copyOf(flat);
    foreign = List.copyOf(foreign);
  }

  /**
   * One rule.
   *
   * @param from a regular expression that is searched for in a name
   * @param to what takes its place; {@code $1} and so on are the expression's groups
   */
  public record Rule(Pattern from, String to) {}

  /**
   * A tensor whose rows are those of several, one after the other, such as query, key and value of
   * an attention that one layer computes. Checkpoints store the whole, which is then taken apart
   * into as many rows each, or the parts.
   *
   * @param whole a regular expression for the whole name
   * @param parts their names in order; {@code $1} and so on are the expression's groups
   */
  public record Stack(Pattern whole, List<String> parts) {
    /** The list is copied. */
    public Stack {
      parts = List.copyOf(parts);
    }

    /** The names of the parts of a tensor; empty if it is not such a stack. */
    Optional<List<String>> of(String name) {
      Matcher matcher = whole.matcher(name);
      return matcher.matches()
          ? Optional.of(parts.stream().map(matcher::replaceAll).toList())
          : Optional.empty();
    }
  }

  /** A table of one rule. */
  public static Renaming of(String from, String to) {
    return NONE.then(from, to);
  }

  /** This table and one more rule behind. */
  public Renaming then(String from, String to) {
    return then(new Renaming(List.of(new Rule(Pattern.compile(from), to)), none(), none(), none()));
  }

  /** This table, in which the rows of a tensor, named as after the rules, are those of others. */
  public Renaming stack(String whole, String... parts) {
    Stack stack = new Stack(Pattern.compile(whole), List.of(parts));
    return then(new Renaming(none(), List.of(stack), none(), none()));
  }

  /** This table, which leaves out the first axes of a tensor that have the size 1. */
  public Renaming flat(String name) {
    return then(new Renaming(none(), none(), List.of(Pattern.compile(name)), none()));
  }

  /** This table without tensors of certain names, which belong to another model. */
  public Renaming without(String name) {
    return then(new Renaming(none(), none(), none(), List.of(Pattern.compile(name))));
  }

  /** This table and another one behind. */
  public Renaming then(Renaming other) {
    return new Renaming(
        both(rules, other.rules),
        both(stacks, other.stacks),
        both(flat, other.flat),
        both(foreign, other.foreign));
  }

  private static <T> List<T> none() {
    return List.of();
  }

  private static <T> List<T> both(List<T> first, List<T> second) {
    return Stream.concat(first.stream(), second.stream()).toList();
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
   * The names of the tensors whose rows make up a stacked one, in order.
   *
   * @throws IllegalArgumentException if the table has no such stack
   */
  public List<String> parts(String whole) {
    return stacks.stream()
        .flatMap(stack -> stack.of(whole).stream())
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("the table has no stack " + whole));
  }

  /**
   * The tensors of a checkpoint as a model asks for them.
   *
   * @param place of the checkpoint, for messages
   * @throws MalformedFileException if two tensors get the same name
   */
  Map<String, WeightTensor> apply(Path place, Map<String, WeightTensor> stored) {
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (WeightTensor one : stored.values()) {
      String name = name(one.name());
      if (fits(foreign, name)) {
        continue;
      }
      parts(fits(flat, name) ? one.flat() : one, name)
          .forEach(
              (part, tensor) -> {
                if (tensors.putIfAbsent(part, tensor) != null) {
                  throw new MalformedFileException(
                      place + ": holds the tensor " + part + " twice, once as " + one.name());
                }
              });
    }
    return tensors;
  }

  private static boolean fits(List<Pattern> names, String name) {
    return names.stream().anyMatch(pattern -> pattern.matcher(name).matches());
  }

  /** The tensors that a stored one is for the model: itself, or its parts. */
  private Map<String, WeightTensor> parts(WeightTensor stored, String name) {
    for (Stack stack : stacks) {
      Optional<List<String>> names = stack.of(name);
      if (names.isPresent() && !stored.shape().isEmpty()) {
        int parts = names.get().size();
        if (stored.size(0) % parts == 0) {
          Map<String, WeightTensor> tensors = new LinkedHashMap<>();
          IntStream.range(0, parts)
              .forEach(
                  part -> {
                    String partName = names.get().get(part);
                    tensors.put(partName, stored.rows(partName, part, parts));
                  });
          return tensors;
        }
      }
    }
    return Map.of(name, stored.named(name));
  }
}
