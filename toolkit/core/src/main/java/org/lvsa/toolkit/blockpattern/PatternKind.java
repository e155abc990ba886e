// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.lvsa.toolkit.io.Messages;

/** The patterns that can be asked for by name, each with its paper and its parameters. */
public enum PatternKind {
  /** Window and global frames. */
  LVSA("arXiv 2605.31057", Knob.FRAMES, "window=3 first=1 interval=6"),
  /** Frames near each other. */
  WINDOW("baseline: frames near each other", Knob.rising("radius", 0), "block=128 radius=3 sink=1"),
  /** Frames near each other, with gaps. */
  DILATED(
      "baseline: frames near each other, with gaps",
      Knob.rising("radius", 0),
      "block=128 radius=3 dilation=2 sink=1"),
  /** Near blocks and every so many. */
  STRIDED(
      "baseline: near blocks and every stride-th",
      Knob.falling("stride", 1),
      "block=128 local=1 stride=8 offset=0"),
  /** Radial Attention. */
  RADIAL(
      "Radial Attention, arXiv 2506.19852",
      Knob.real("decay", 0.001, 16),
      "block=128 decay=0.2 family=wan dense_steps=12 dense_layers=1"),
  /** Sliding Tile Attention. */
  STA(
      "Sliding Tile Attention, arXiv 2502.04507",
      Knob.TILES,
      "tile=6x8x8 window=3x3x3 dense_steps=30%"),
  /** Sparse VideoGen. */
  SVG(
      "Sparse VideoGen, arXiv 2502.01776",
      Knob.real("density", 0.001, 1),
      "family=wan density=0.3 block=128 samples=64 seed=0 dense_steps=20% dense_layers=3%"),
  /** Sparse VideoGen 2. */
  SVG2(
      "Sparse VideoGen 2, arXiv 2505.18875",
      Knob.real("share", 0, 1),
      "queries=300 keys=1000 iterations=50 share=0.9 least=0.1 seed=0 dense_steps=20%"
          + " dense_layers=3%"),
  /** Video Sparse Attention. */
  VSA(
      "Video Sparse Attention, arXiv 2505.13389",
      Knob.real("sparsity", 0, 1),
      "cube=4x4x4 sparsity=0.9"),
  /** DraftAttention. */
  DRAFT(
      "DraftAttention, arXiv 2505.14708", Knob.real("sparsity", 0, 1), "patch=8x16 sparsity=0.75"),
  /** SpargeAttn. */
  SPARGE(
      "SpargeAttn, arXiv 2502.18137",
      Knob.real("share", 0, 1),
      "queries=128 keys=64 similarity=-0.1 share=0.5 sink=false smooth=true"),
  /** LongCat's block sparse attention. */
  BSA(
      "LongCat-Video, arXiv 2510.22200",
      Knob.real("sparsity", 0, 1),
      "queries=4x4x4 keys=4x4x4 sparsity=0.9375"),
  /** Blocks drawn at random. */
  RANDOM(
      "baseline: blocks drawn at random",
      Knob.rising("count", 1),
      "block=128 count=8 seed=0 diagonal=true"),
  /** The oracle. */
  TOPK(
      "oracle: the blocks with the most softmax mass",
      Knob.rising("count", 1),
      "queries=128 keys=128 count=8 tile=none");

  private final String paper;
  private final Knob knob;
  private final Map<String, String> parameters = new LinkedHashMap<>();

  PatternKind(String paper, Knob knob, String parameters) {
    this.paper = paper;
    this.knob = knob;
    for (String parameter : parameters.split(" ")) {
      int at = parameter.indexOf('=');
      this.parameters.put(parameter.substring(0, at), parameter.substring(at + 1));
    }
    this.parameters.putIfAbsent("dense_steps", "0");
    this.parameters.putIfAbsent("dense_layers", "0");
  }

  /** The name on the command line and in result rows. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Where the pattern was published, in a few words. */
  public String paper() {
    return paper;
  }

  /** The parameters, each with its default. */
  public Map<String, String> parameters() {
    return Map.copyOf(parameters);
  }

  /** The names of the parameters, in the order in which they are shown. */
  public List<String> parameterNames() {
    return List.copyOf(parameters.keySet());
  }

  /** What is turned to reach a density. */
  public Knob knob() {
    return knob;
  }

  /** Whether the pattern looks at queries and keys. */
  public boolean looksAtInputs() {
    return switch (this) {
      case SVG, SVG2, VSA, DRAFT, SPARGE, BSA, TOPK -> true;
      case LVSA, WINDOW, DILATED, STRIDED, RADIAL, STA, RANDOM -> false;
    };
  }

  /**
   * Whether the pattern needs to know where in its frame a token stands, and not only in which
   * frame.
   */
  public boolean needsRowsAndColumns() {
    return switch (this) {
      case STA, VSA, DRAFT, BSA -> true;
      case LVSA, WINDOW, DILATED, STRIDED, RADIAL, SVG, SVG2, SPARGE, RANDOM, TOPK -> false;
    };
  }

  /**
   * The kind of that name.
   *
   * @throws IllegalArgumentException naming the nearest
   */
  public static PatternKind named(String word) {
    return Arrays.stream(values())
        .filter(kind -> kind.word().equals(word))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Messages.unknown(
                        "pattern", word, Arrays.stream(values()).map(PatternKind::word).toList())));
  }
}
