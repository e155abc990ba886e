// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * UniPC, a predictor and a corrector of the same multistep kind (Zhao et al., "UniPC: A Unified
 * Predictor-Corrector Framework for Fast Sampling of Diffusion Models", 2023), on clean-sample
 * predictions of a flow model.
 *
 * <p>Each step first corrects the sample that it is given, with the model's output for it, and then
 * predicts the next one. Both are exponential integrators in {@code lambda = ln(alpha / sigma)}
 * with the differences of earlier predictions.
 */
public final class UniPc implements Scheduler {
  private final UniPcConfig config;
  private final FlowSchedule schedule;
  private final double[] lambdas;

  /** Predicted clean samples, newest first, at most as many as the solver's order. */
  private final List<float[]> predictions = new ArrayList<>();

  /** The sample of the newest step, after its correction. */
  private float[] corrected;

  private int done;

  UniPc(UniPcConfig config, FlowSchedule schedule) {
    this.config = config;
    this.schedule = schedule;
    lambdas = new double[schedule.sigmas().length];
    for (int i = 0; i < lambdas.length; i++) {
      lambdas[i] = Steps.lambda(schedule.sigmas()[i]);
    }
  }

  @Override
  public FlowSchedule schedule() {
    return schedule;
  }

  @Override
  public int done() {
    return done;
  }

  @Override
  public float[] step(float[] modelOutput, float[] sample) {
    Steps.check(schedule, done, modelOutput, sample, corrected);
    // The prediction comes from the sample as given and is kept although the sample is corrected.
    float[] predicted = Steps.predicted(modelOutput, sample, schedule.sigmas()[done]);
    boolean corrects = done > 0 && !config.disableCorrector().contains(done - 1);
    float[] start =
        corrects ? solve(done - 1, order(done - 1), corrected, predicted) : sample.clone();
    predictions.addFirst(predicted);
    if (predictions.size() > config.solverOrder()) {
      predictions.removeLast();
    }
    corrected = start;
    float[] next = solve(done, order(done), start, null);
    done++;
    return next;
  }

  /** As many earlier predictions as there are, fewer in the last steps where so configured. */
  private int order(int step) {
    int order = config.solverOrder();
    if (config.lowerOrderFinal()) {
      order = Math.min(order, schedule.steps() - step);
    }
    return Math.min(order, step + 1);
  }

  /**
   * From one level to the next. {@code predictions} begins with that of the level started from.
   *
   * @param arrival the prediction at the level arrived at, which makes this the corrector; null for
   *     the predictor
   */
  private float[] solve(int from, int order, float[] start, float[] arrival) {
    double h = lambdas[from + 1] - lambdas[from];
    double decay = Math.expm1(-h);
    double b = config.solverType() == UniPcConfig.SolverType.BH1 ? -h : decay;
    double[] ratios = new double[order];
    for (int j = 1; j < order; j++) {
      ratios[j - 1] = (lambdas[from - j] - lambdas[from]) / h;
    }
    ratios[order - 1] = 1;
    double[] weights = weights(ratios, -h, decay, b, arrival != null);

    double alpha = Steps.alpha(schedule.sigmas()[from + 1]);
    double keep = (double) schedule.sigmas()[from + 1] / schedule.sigmas()[from];
    float[][] kept = predictions.toArray(float[][]::new);
    float[] newest = kept[0];
    float[] next = new float[start.length];
    Steps.inParts(
        next.length,
        (first, end) -> {
          for (int e = first; e < end; e++) {
            double differences = 0;
            for (int j = 1; j < order; j++) {
              differences += weights[j - 1] * ((kept[j][e] - newest[e]) / ratios[j - 1]);
            }
            if (arrival != null) {
              differences += weights[order - 1] * (arrival[e] - newest[e]);
            }
            next[e] =
                (float) (keep * start[e] - alpha * decay * newest[e] - alpha * b * differences);
          }
        });
    return next;
  }

  /**
   * The weights of the differences: the solution of the paper's equations, of order {@code
   * ratios.length} for the corrector and one less for the predictor, which lacks the last
   * difference. The lowest orders have the fixed weight 1/2.
   */
  private static double[] weights(
      double[] ratios, double hh, double decay, double b, boolean corrector) {
    int count = corrector ? ratios.length : ratios.length - 1;
    if (count <= 0) {
      return new double[0];
    }
    if (count == 1) {
      return new double[] {0.5};
    }
    double[][] rows = new double[count][count + 1];
    double phi = decay / hh - 1;
    double factorial = 1;
    for (int p = 0; p < count; p++) {
      for (int j = 0; j < count; j++) {
        rows[p][j] = Math.pow(ratios[j], p);
      }
      factorial *= p + 1;
      rows[p][count] = phi * factorial / b;
      phi = phi / hh - 1 / (factorial * (p + 2));
    }
    return solved(rows);
  }

  /** Gauss's elimination with the largest pivot, right-hand side in the last column. */
  private static double[] solved(double[][] rows) {
    int size = rows.length;
    for (int p = 0; p < size; p++) {
      int largest = p;
      for (int r = p + 1; r < size; r++) {
        if (Math.abs(rows[r][p]) > Math.abs(rows[largest][p])) {
          largest = r;
        }
      }
      double[] pivot = rows[largest];
      rows[largest] = rows[p];
      rows[p] = pivot;
      for (int r = p + 1; r < size; r++) {
        double factor = rows[r][p] / pivot[p];
        for (int c = p; c <= size; c++) {
          rows[r][c] -= factor * pivot[c];
        }
      }
    }
    double[] solution = new double[size];
    for (int p = size - 1; p >= 0; p--) {
      double rest = rows[p][size];
      for (int c = p + 1; c < size; c++) {
        rest -= rows[p][c] * solution[c];
      }
      solution[p] = rest / rows[p][p];
    }
    return solution;
  }

  @Override
  public History history() {
    Map<String, float[]> tensors = new TreeMap<>();
    for (int age = 0; age < predictions.size(); age++) {
      tensors.put(History.predicted(age), predictions.get(age).clone());
    }
    if (corrected != null) {
      tensors.put(History.CORRECTED, corrected.clone());
    }
    return new History(done, tensors);
  }

  @Override
  public void resume(History history) {
    int kept = Math.min(history.done(), config.solverOrder());
    Set<String> names = new HashSet<>();
    for (int age = 0; age < kept; age++) {
      names.add(History.predicted(age));
    }
    if (kept > 0) {
      names.add(History.CORRECTED);
    }
    Steps.checkHistory(schedule, history, names);
    predictions.clear();
    for (int age = 0; age < kept; age++) {
      predictions.add(history.tensors().get(History.predicted(age)).clone());
    }
    corrected = kept > 0 ? history.tensors().get(History.CORRECTED).clone() : null;
    done = history.done();
  }
}
