// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.lvsa.toolkit.io.Messages;

/**
 * A pattern's settings: its kind and its parameters, as a user writes them: {@code radial}, {@code
 * radial:block=64,decay=0.5}. What is not given has its default.
 *
 * @param kind which pattern
 * @param given the parameters that were given, in the order of the kind's
 */
public record PatternSpec(PatternKind kind, Map<String, String> given) {

  /**
   * @throws IllegalArgumentException for a parameter that the kind does not have
   */
  public PatternSpec {
    for (String name : given.keySet()) {
      if (!kind.parameters().containsKey(name)) {
        throw new IllegalArgumentException(
            Messages.unknown("parameter of " + kind.word(), name, kind.parameterNames()));
      }
    }
    Map<String, String> ordered = new LinkedHashMap<>();
    for (String name : kind.parameterNames()) {
      if (given.containsKey(name)) {
        ordered.put(name, given.get(name));
      }
    }
    given = ordered;
  }

  /**
   * Reads {@code NAME} or {@code NAME:PARAMETER=VALUE,…}.
   *
   * @throws IllegalArgumentException for unknown names, naming the nearest, and for values that
   *     make no sense whatever the video
   */
  public static PatternSpec parse(String text) {
    int colon = text.indexOf(':');
    PatternKind kind = PatternKind.named(colon < 0 ? text : text.substring(0, colon));
    Map<String, String> given = new LinkedHashMap<>();
    if (colon >= 0) {
      for (String part : text.substring(colon + 1).split(",", -1)) {
        int equals = part.indexOf('=');
        if (equals < 1) {
          throw new IllegalArgumentException(
              "a parameter of "
                  + kind.word()
                  + " is NAME=VALUE, got "
                  + (part.isEmpty() ? "nothing" : Messages.cut(part)));
        }
        if (given.put(part.substring(0, equals), part.substring(equals + 1)) != null) {
          throw new IllegalArgumentException(
              kind.word() + " has " + Messages.cut(part.substring(0, equals)) + " twice");
        }
      }
    }
    PatternSpec spec = new PatternSpec(kind, given);
    spec.schedule();
    return spec;
  }

  /**
   * A pattern of that name: one of the kinds, or {@code file:mask.json}.
   *
   * @param grid the video, on which some defaults depend
   */
  public static BlockPattern pattern(String text, TokenGrid grid) {
    return text.startsWith("file:")
        ? FilePattern.read(Path.of(text.substring("file:".length())))
        : parse(text).build(grid);
  }

  /**
   * Parts a list such as {@code lvsa,radial:block=64,decay=0.5,sta}: a part with an equals sign and
   * no colon is one more parameter of the pattern before it.
   */
  public static List<String> split(String list) {
    List<String> parts = new ArrayList<>();
    for (String part : list.split(",", -1)) {
      boolean parameter = part.contains("=") && !part.contains(":") && !parts.isEmpty();
      if (parameter && parts.getLast().contains(":")) {
        parts.set(parts.size() - 1, parts.getLast() + "," + part);
      } else {
        parts.add(part);
      }
    }
    return parts;
  }

  /** A parameter's value: the given one, or the default. */
  public String value(String name) {
    return given.getOrDefault(name, kind.parameters().get(name));
  }

  /** These settings with some parameters changed. */
  public PatternSpec with(Map<String, String> changed) {
    Map<String, String> all = new LinkedHashMap<>(given);
    all.putAll(changed);
    return new PatternSpec(kind, all);
  }

  /** All parameters: {@code block=128,radius=3,sink=1}; what is 0 of the schedule is left out. */
  public String parameters() {
    return kind.parameterNames().stream()
        .filter(name -> !name.startsWith("dense_") || !value(name).equals("0"))
        .map(name -> name + "=" + value(name))
        .collect(Collectors.joining(","));
  }

  /** When attention is dense instead. */
  public DenseSchedule schedule() {
    return new DenseSchedule(
        parsed("dense_steps", DenseSchedule.Amount::parse),
        parsed("dense_layers", DenseSchedule.Amount::parse));
  }

  /** The parameters that say how many tokens a block has; empty for cubes, clusters and frames. */
  private List<String> blockParameters() {
    return switch (kind) {
      case WINDOW, DILATED, STRIDED, RADIAL, SVG, RANDOM -> List.of("block");
      case SPARGE, TOPK -> List.of("queries", "keys");
      case LVSA, STA, SVG2, VSA, DRAFT, BSA -> List.of();
    };
  }

  /**
   * These settings with blocks of that many tokens; empty if the pattern's blocks are no stretches
   * of tokens.
   *
   * @throws IllegalArgumentException if the settings say already how large a block is
   */
  public Optional<PatternSpec> withBlocks(int tokens) {
    Map<String, String> blocks = new LinkedHashMap<>();
    for (String name : blockParameters()) {
      if (given.containsKey(name)) {
        throw new IllegalArgumentException(
            kind.word() + " has " + name + "=" + given.get(name) + ", leave it out");
      }
      blocks.put(name, Integer.toString(tokens));
    }
    return blocks.isEmpty() ? Optional.empty() : Optional.of(with(blocks));
  }

  /** These settings without the size of blocks. */
  public PatternSpec withoutBlocks() {
    Map<String, String> others = new LinkedHashMap<>(given);
    others.keySet().removeAll(blockParameters());
    return new PatternSpec(kind, others);
  }

  /** What was given, as {@link #parse} reads it. */
  public String written() {
    return kind.word()
        + (given.isEmpty() ? "" : ":")
        + given.entrySet().stream()
            .map(one -> one.getKey() + "=" + one.getValue())
            .collect(Collectors.joining(","));
  }

  /** Whether the blocks refer to the tokens in another order than the sequence's own. */
  public boolean movesTokens() {
    return switch (kind) {
      case STA, SVG, SVG2, VSA, DRAFT, BSA -> true;
      case TOPK -> !value("tile").equals("none");
      case LVSA, WINDOW, DILATED, STRIDED, RADIAL, SPARGE, RANDOM -> false;
    };
  }

  /**
   * The pattern.
   *
   * @throws IllegalArgumentException naming the pattern, the parameter and the value
   */
  public BlockPattern build(TokenGrid grid) {
    try {
      return made(grid);
    } catch (IllegalArgumentException e) {
      String message = e.getMessage();
      throw new IllegalArgumentException(
          message.startsWith(kind.word()) ? message : kind.word() + ": " + message, e);
    }
  }

  private BlockPattern made(TokenGrid grid) {
    return switch (kind) {
      case LVSA -> new LvsaPattern(whole("window"), whole("first"), whole("interval"));
      case WINDOW -> new FrameWindowPattern(whole("block"), whole("radius"), 1, whole("sink"));
      case DILATED ->
          new FrameWindowPattern(whole("block"), whole("radius"), whole("dilation"), whole("sink"));
      case STRIDED ->
          new StridedPattern(whole("block"), whole("local"), whole("stride"), whole("offset"));
      case RADIAL ->
          new RadialPattern(
              whole("block"), real("decay"), choice("family", RadialPattern.Family.class));
      case STA -> new SlidingTilePattern(tile("tile"), tile("window"), grid.text());
      case SVG ->
          new SvgHeadPattern(
              choice("family", SvgPattern.Family.class),
              real("density"),
              whole("block"),
              whole("samples"),
              seed());
      case SVG2 ->
          new Svg2Pattern(
              starts(grid, whole("queries"), seed()),
              starts(grid, whole("keys"), seed() + 1),
              whole("iterations"),
              real("share"),
              real("least"),
              grid.text() > 0 ? OptionalInt.of(grid.text()) : OptionalInt.empty());
      case VSA -> new VsaPattern(tile("cube"), real("sparsity"));
      case DRAFT -> {
        int[] patch = parsed("patch", text -> Tile.numbers(text, 2));
        yield new DraftPattern(patch[0], patch[1], real("sparsity"));
      }
      case SPARGE ->
          new SpargePattern(
              whole("queries"),
              whole("keys"),
              real("similarity"),
              OptionalDouble.of(real("share")),
              OptionalDouble.empty(),
              truth("sink"),
              truth("smooth"));
      case BSA ->
          new BsaPattern(
              tile("queries"),
              tile("keys"),
              OptionalDouble.of(real("sparsity")),
              OptionalDouble.empty());
      case RANDOM -> new RandomPattern(whole("block"), whole("count"), seed(), truth("diagonal"));
      case TOPK ->
          new OraclePattern(
              whole("queries"),
              whole("keys"),
              whole("count"),
              value("tile").equals("none") ? Optional.empty() : Optional.of(tile("tile")));
    };
  }

  /** Random tokens with which clusters begin; no more clusters than one per 16 tokens. */
  private static int[] starts(TokenGrid grid, int clusters, long seed) {
    Checks.atLeast("clusters", clusters, 1);
    int most = Math.max(1, grid.videoTokens() / 16);
    return new SplittableRandom(seed)
        .ints(Math.min(clusters, most), 0, grid.videoTokens())
        .toArray();
  }

  private int whole(String name) {
    return parsed(
        name,
        text -> {
          if (!text.matches("\\d{1,9}")) {
            throw new IllegalArgumentException(
                "must be a whole number from 0 on, got " + Messages.cut(text));
          }
          return Integer.valueOf(text);
        });
  }

  private long seed() {
    return parsed(
        "seed",
        text -> {
          if (!text.matches("-?\\d{1,18}")) {
            throw new IllegalArgumentException("must be a whole number, got " + Messages.cut(text));
          }
          return Long.valueOf(text);
        });
  }

  private double real(String name) {
    return parsed(
        name,
        text -> {
          if (!text.matches("-?\\d{1,9}(\\.\\d{1,17})?([eE]-?\\d{1,2})?")) {
            throw new IllegalArgumentException("must be a number, got " + Messages.cut(text));
          }
          return Double.valueOf(text);
        });
  }

  private boolean truth(String name) {
    return parsed(
        name,
        text -> {
          if (!text.equals("true") && !text.equals("false")) {
            throw new IllegalArgumentException("must be true or false, got " + Messages.cut(text));
          }
          return Boolean.valueOf(text);
        });
  }

  private Tile tile(String name) {
    return parsed(name, Tile::parse);
  }

  private <E extends Enum<E>> E choice(String name, Class<E> type) {
    return parsed(
        name,
        text -> {
          for (E constant : type.getEnumConstants()) {
            if (constant.name().toLowerCase(Locale.ROOT).equals(text)) {
              return constant;
            }
          }
          throw new IllegalArgumentException(
              Messages.unknown(
                  name,
                  text,
                  java.util.Arrays.stream(type.getEnumConstants())
                      .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                      .toList()));
        });
  }

  private <T> T parsed(String name, Function<String, T> reader) {
    try {
      return reader.apply(value(name));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(kind.word() + ": " + name + " " + e.getMessage(), e);
    }
  }

  @Override
  public String toString() {
    return kind.word() + ":" + parameters();
  }
}
