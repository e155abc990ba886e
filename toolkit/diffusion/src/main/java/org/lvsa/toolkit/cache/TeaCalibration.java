// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.ArrayRealVector;
import org.apache.commons.math3.linear.RealVector;
import org.apache.commons.math3.linear.SingularValueDecomposition;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.blocks.Tokens;

/**
 * Measures for one branch what TeaCache's polynomial is fitted to: how much the modulated input of
 * the first block and the stream after the last block change from step to step, both relative.
 * Every block runs.
 */
final class TeaCalibration implements WholeContext.Gate {
  /** Degree of the polynomial. */
  static final int DEGREE = 4;

  private final List<Point> points;
  private Tokens input;
  private Tokens output;
  private double change = Double.NaN;
  private boolean measured;

  /**
   * A change between two steps.
   *
   * @param input relative change of the modulated input
   * @param output relative change of the stream after the blocks
   */
  record Point(double input, double output) {}

  /** Adds the points to a list. */
  TeaCalibration(List<Point> points) {
    this.points = points;
  }

  @Override
  public boolean cached(BlockSequence first, boolean buffered) {
    Tokens now = first.modulatedInput();
    if (input != null) {
      change = TeaCacheGate.relative(input, now, RankMeans.ALONE);
      input.close();
    }
    input = now;
    measured = false;
    return false;
  }

  @Override
  public void computed(BlockSequence blocks, Residual residual) {
    Tokens now = blocks.hidden().copy();
    if (output != null && output.isLike(now)) {
      if (measured) {
        // A later list of the same run: its output takes the place of the one before it.
        points.removeLast();
      }
      points.add(new Point(change, TeaCacheGate.relative(output, now, RankMeans.ALONE)));
      measured = true;
    }
    if (output != null) {
      output.close();
    }
    output = now;
  }

  /**
   * The coefficients c0 to c4 of the polynomial {@code c0·d⁴ + … + c4} that fits best, by least
   * squares with singular values, as {@code numpy.polyfit} does.
   *
   * @throws IllegalArgumentException with fewer points than coefficients
   */
  static List<Double> fit(List<Point> points) {
    if (points.size() <= DEGREE) {
      throw new IllegalArgumentException(
          "a polynomial of degree "
              + DEGREE
              + " needs at least "
              + (DEGREE + 1)
              + " changes between steps, got "
              + points.size()
              + ": run more steps");
    }
    // Powers of inputs as they are would span many orders of magnitude.
    double scale = points.stream().mapToDouble(Point::input).max().orElseThrow();
    double[][] powers = new double[points.size()][DEGREE + 1];
    double[] outputs = new double[points.size()];
    for (int row = 0; row < powers.length; row++) {
      for (int i = 0; i <= DEGREE; i++) {
        powers[row][i] = Math.pow(points.get(row).input() / scale, DEGREE - i);
      }
      outputs[row] = points.get(row).output();
    }
    RealVector solved =
        new SingularValueDecomposition(new Array2DRowRealMatrix(powers))
            .getSolver()
            .solve(new ArrayRealVector(outputs));
    List<Double> coefficients = new ArrayList<>();
    for (int i = 0; i <= DEGREE; i++) {
      coefficients.add(solved.getEntry(i) / Math.pow(scale, DEGREE - i));
    }
    return coefficients;
  }

  /** Root mean square distance of a polynomial from the points. */
  static double distance(List<Point> points, List<Double> coefficients) {
    return Math.sqrt(
        points.stream()
            .mapToDouble(
                point -> TeaCacheDecision.polynomial(coefficients, point.input()) - point.output())
            .map(d -> d * d)
            .average()
            .orElse(Double.NaN));
  }

  @Override
  public void close() {
    for (Tokens one : Arrays.asList(input, output)) {
      if (one != null) {
        one.close();
      }
    }
    input = null;
    output = null;
  }
}
