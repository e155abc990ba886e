// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.OptionalInt;
import org.lvsa.toolkit.model.Models;

/**
 * How large a model with random weights is.
 *
 * @param name of a published model, such as {@code wan2.1-1.3b}
 * @param scale how much of its width is there
 * @param layers blocks; empty for as many as the scale has
 * @param heads attention heads; empty for as many as the scale has
 */
public record RandomSizes(String name, Scale scale, OptionalInt layers, OptionalInt heads) {
  private static final int MOST = 1024;

  /** With the scale's heads. */
  public RandomSizes(String name, Scale scale, OptionalInt layers) {
    this(name, scale, layers, OptionalInt.empty());
  }

  /** How much of a model's width is there. */
  public enum Scale {
    /** Two heads, two blocks. */
    SMALL,
    /** A third of the heads and of the blocks. */
    MEDIUM,
    /** The model's own sizes. */
    FULL;

    /** The size that belongs to this scale. */
    public <T> T choose(T small, T medium, T full) {
      return switch (this) {
        case SMALL -> small;
        case MEDIUM -> medium;
        case FULL -> full;
      };
    }

    /** How many of a published model's heads or blocks are there. */
    public int of(int published) {
      return switch (this) {
        case SMALL -> 2;
        case MEDIUM -> Math.ceilDiv(published, 3);
        case FULL -> published;
      };
    }
  }

  /** At least one block and head, and no more than any model has. */
  public RandomSizes {
    layers.ifPresent(count -> check("layers", count));
    heads.ifPresent(count -> check("heads", count));
  }

  private static void check(String what, int count) {
    if (count < 1) {
      throw new IllegalArgumentException(what + " must be at least 1, got " + count);
    }
    if (count > MOST) {
      throw new IllegalArgumentException(what + " must be at most " + MOST + ", got " + count);
    }
  }

  /** Heads of a model that has that many as published. */
  public int headsOf(int published) {
    return heads.orElse(scale.of(published));
  }

  /** Blocks of a model that has that many as published. */
  public int layersOf(int published) {
    return layers.orElse(scale.of(published));
  }

  /** What a model with random weights is, in words. */
  public String describe(int blocks, int heads, int headDim) {
    return Models.named(name).title()
        + " with random weights, "
        + blocks
        + " blocks of "
        + heads
        + " heads of "
        + headDim;
  }
}
