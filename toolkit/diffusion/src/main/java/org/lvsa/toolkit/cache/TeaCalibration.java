// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.ArrayRealVector;
import org.apache.commons.math3.linear.RealVector;
import org.apache.commons.math3.linear.SingularValueDecomposition;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Measures what TeaCache's polynomial is fitted to: how much the modulated input of the first block
 * and the stream after the last block change from step to step, both relative. Every block runs.
 */
public final class TeaCalibration implements BlockRunner, AutoCloseable {
  /** Degree of the polynomial. */
  static final int DEGREE = 4;

  private final List<Point> points = new ArrayList<>();
  private final Map<String, Branch> branches = new LinkedHashMap<>();
  private Branch now;

  /**
   * A change between two steps.
   *
   * @param input relative change of the modulated input
   * @param output relative change of the stream after the blocks
   */
  public record Point(double input, double output) {}

  private static final class Branch implements AutoCloseable {
    private INDArray input;
    private INDArray output;
    private double change = Double.NaN;
    private boolean begun;

    @Override
    public void close() {
      for (INDArray one : Arrays.asList(input, output)) {
        if (one != null) {
          one.close();
        }
      }
    }
  }

  /** A run of the transformer begins. */
  public void begin(String branch) {
    now = branches.computeIfAbsent(branch, name -> new Branch());
    now.begun = true;
  }

  @Override
  public void run(BlockSequence blocks) {
    if (now.begun) {
      INDArray input = blocks.modulatedInput();
      if (now.input != null) {
        now.change = TeaCacheGate.relative(now.input, input, RankMeans.ALONE);
        now.input.close();
      }
      now.input = input;
    }
    BlockRunner.ALL.run(blocks);
    INDArray output = blocks.hidden().dup('c');
    if (now.output != null && now.output.equalShapes(output)) {
      Point point =
          new Point(now.change, TeaCacheGate.relative(now.output, output, RankMeans.ALONE));
      if (!now.begun) {
        // A later list of the same run: its output takes the place of the one before it.
        points.removeLast();
      }
      points.add(point);
      now.output.close();
    }
    now.output = output;
    now.begun = false;
  }

  /** What was measured so far. */
  public List<Point> points() {
    return List.copyOf(points);
  }

  /**
   * The coefficients c0 to c4 of the polynomial {@code c0·d⁴ + … + c4} that fits best, by least
   * squares with singular values, as {@code numpy.polyfit} does.
   *
   * @throws IllegalArgumentException with fewer points than coefficients
   */
  public static List<Double> fit(List<Point> points) {
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
  public static double distance(List<Point> points, List<Double> coefficients) {
    return Math.sqrt(
        points.stream()
            .mapToDouble(
                point -> TeaCacheDecision.polynomial(coefficients, point.input()) - point.output())
            .map(d -> d * d)
            .average()
            .orElse(Double.NaN));
  }

  /** The coefficients as {@code --cache-config} takes them. */
  public static String json(List<Double> coefficients) {
    return coefficients.stream()
        .map(String::valueOf)
        .collect(Collectors.joining(", ", "{\"coefficients\": [", "]}"));
  }

  @Override
  public void close() {
    branches.values().forEach(Branch::close);
  }
}
