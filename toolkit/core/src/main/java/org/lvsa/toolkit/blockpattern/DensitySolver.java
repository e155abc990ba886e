// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.function.ToDoubleFunction;

/**
 * Finds the parameters with which a pattern comes nearest to an asked density of tokens. Patterns
 * are made of whole blocks, frames or tiles, so that the density reached is seldom the asked one.
 */
public final class DensitySolver {
  /** A density is reached if it is off by at most this share of what was asked. */
  public static final double TOLERANCE = 0.2;

  /** Among several choices the first is taken that is this near. */
  private static final double NEAR = 0.03;

  private static final long GRAINS = 1 << 20;

  private final PatternSpec spec;
  private final TokenGrid grid;
  private final List<HeadInputs> heads;
  private final double wanted;
  private final ToDoubleFunction<List<HeadSelection>> measure;
  private Solved nearest;

  private DensitySolver(
      PatternSpec spec,
      TokenGrid grid,
      List<HeadInputs> heads,
      double wanted,
      ToDoubleFunction<List<HeadSelection>> measure) {
    this.measure = measure;
    this.spec = spec;
    this.grid = grid;
    this.heads = heads;
    this.wanted = wanted;
  }

  /**
   * A pattern's settings and what they come to.
   *
   * @param spec the settings
   * @param density of tokens, the mean over the heads
   */
  public record Solved(PatternSpec spec, double density) {
    /** Whether the density is within {@link #TOLERANCE} of what was asked. */
    public boolean reaches(double wanted) {
      return Math.abs(density - wanted) <= TOLERANCE * wanted;
    }
  }

  /**
   * The settings that come nearest to a density.
   *
   * @param spec the settings; what is turned must not be among those that were given
   * @param heads the inputs of patterns that look at them; else empty
   * @param density of tokens, above 0 and at most 1
   * @throws IllegalArgumentException if the nearest is not within {@link #TOLERANCE}, naming it, or
   *     the pattern does not take the video
   */
  public static Solved solve(
      PatternSpec spec, TokenGrid grid, List<HeadInputs> heads, double density) {
    return solve(spec, grid, heads, density, BlockPattern::density);
  }

  /**
   * As {@link #solve(PatternSpec, TokenGrid, List, double)}, for a kernel that computes more than
   * it is asked for.
   *
   * @param measure the density that what was chosen really has
   */
  public static Solved solve(
      PatternSpec spec,
      TokenGrid grid,
      List<HeadInputs> heads,
      double density,
      ToDoubleFunction<List<HeadSelection>> measure) {
    checkDensity(density);
    for (String name : spec.kind().knob().names()) {
      // A given window of LVSA is kept, and the interval alone is solved.
      boolean kept = spec.kind() == PatternKind.LVSA && name.equals("window");
      if (spec.given().containsKey(name) && !kept) {
        throw new IllegalArgumentException(
            spec.kind().word() + ": " + name + " is solved for the density, leave it out");
      }
    }
    DensitySolver solver = new DensitySolver(spec, grid, heads, density, measure);
    solver.search();
    Solved nearest = solver.nearest;
    if (!nearest.reaches(density)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s cannot reach density %s on %d frames of %dx%d patches: the nearest is %.4f with"
                  + " %s",
              spec.kind().word(),
              density,
              grid.frames(),
              grid.height(),
              grid.width(),
              nearest.density(),
              nearest.spec().parameters()));
    }
    return nearest;
  }

  /**
   * Refuses what is no density.
   *
   * @throws IllegalArgumentException if it is not above 0 and at most 1
   */
  public static void checkDensity(double density) {
    if (!(density > 0 && density <= 1)) {
      throw new IllegalArgumentException("density must be above 0 and at most 1, got " + density);
    }
  }

  private void search() {
    switch (spec.kind().knob()) {
      case Knob.Whole(String name, int least, boolean rising) ->
          bisect(
              least,
              Math.max(least, largest()),
              rising,
              value -> Map.of(name, Long.toString(value)));
      case Knob.Real(String name, double least, double most) ->
          bisect(
              0,
              GRAINS,
              !name.equals("sparsity"),
              grain ->
                  Map.of(
                      name,
                      String.format(
                          Locale.ROOT, "%.6f", least + (most - least) * scaled(name, grain))));
      case Knob.Choices choices -> {
        for (Map<String, String> values : choices.values(spec, grid)) {
          tried(values);
          if (Math.abs(nearest.density() - wanted) <= NEAR * wanted) {
            return;
          }
        }
      }
    }
  }

  /** Radial's decay matters most near 0: squared steps are finer there. */
  private static double scaled(String name, long grain) {
    double share = (double) grain / GRAINS;
    return name.equals("decay") ? share * share : share;
  }

  /** The largest value of a whole number that can still change something. */
  private int largest() {
    return spec.kind() == PatternKind.WINDOW || spec.kind() == PatternKind.DILATED
        ? grid.frames()
        : Math.ceilDiv(grid.tokens(), Math.max(1, blockOfKeys()));
  }

  private int blockOfKeys() {
    String name = spec.kind() == PatternKind.TOPK ? "keys" : "block";
    String text = spec.value(name);
    return text.matches("\\d{1,9}") ? Integer.parseInt(text) : 1;
  }

  /** Halves an interval in which the density rises or falls, and keeps the nearest of all tried. */
  private void bisect(
      long low, long high, boolean rising, LongFunction<Map<String, String>> parameters) {
    double atLow = tried(parameters.apply(low));
    double atHigh = tried(parameters.apply(high));
    if (rising ? wanted <= atLow || wanted >= atHigh : wanted >= atLow || wanted <= atHigh) {
      return;
    }
    while (high - low > 1 && Math.abs(nearest.density() - wanted) > 1e-3 * wanted) {
      long middle = (low + high) >>> 1;
      double density = tried(parameters.apply(middle));
      if (density < wanted == rising) {
        low = middle;
      } else {
        high = middle;
      }
    }
  }

  /** What some values come to; the first of equally near ones is kept. */
  private double tried(Map<String, String> values) {
    PatternSpec turned = spec.with(values);
    double density = density(turned.build(grid));
    if (nearest == null
        || Math.abs(density - wanted) < Math.abs(nearest.density() - wanted) - 1e-12) {
      nearest = new Solved(turned, density);
    }
    return density;
  }

  /** The oracle is far too slow to be asked often, and its density is known beforehand. */
  private double density(BlockPattern pattern) {
    return pattern instanceof OraclePattern oracle
        ? oracle.share(grid)
        : measure.applyAsDouble(pattern.selections(grid, heads));
  }
}
