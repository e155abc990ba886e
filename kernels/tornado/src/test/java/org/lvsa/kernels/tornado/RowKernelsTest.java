// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.transformer.TransformerShape;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The kernels on rows for widths that divide by a work-group's threads and that do not, for rows
 * that threads hold in registers and for wider ones, against sums in double.
 */
class RowKernelsTest {
  private static final int ROWS = 3;
  private static final float EPS = 1e-6f;

  private final long seed = System.nanoTime() % 10_000_000;

  @ParameterizedTest
  @ValueSource(ints = {6, 130, 1536, 1540, 3000, 6144, 6300, 7000})
  void float32(int width) {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    check(new FloatActivations(), width, 1e-5);
  }

  @Tag("gpu")
  @ParameterizedTest
  @ValueSource(ints = {6, 130, 1536, 3000, 6144, 6300})
  void sixteenBits(int width) {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    assumeTrue(TornadoTarget.chosen().tensorCores(), "left out: no CUDA device");
    check(new HalfActivations(), width, 1e-3);
    check(new Bf16Activations(), width, 1e-2);
  }

  private <A extends TornadoNativeArray> void check(
      Activations<A> activations, int width, double allowed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] stream = numbers(ROWS * width, random, 3);
    float[] added = numbers(ROWS * width, random, 0);
    float[] rows = numbers(6 * width, random, 0);
    float[] weight = numbers(width, random, 1);
    float[] bias = numbers(width, random, 0);
    FloatArray x = FloatArray.fromArray(stream);
    A y = activations.array(ROWS * width);
    A out = activations.array(ROWS * width);
    A turned = activations.array(ROWS * width);
    activations.write(MemorySegment.ofArray(added), y, 0);
    activations.write(MemorySegment.ofArray(added), turned, 0);
    FloatArray modulations = FloatArray.fromArray(rows);
    FloatArray weights = FloatArray.fromArray(weight);
    FloatArray biases = FloatArray.fromArray(bias);
    GridScheduler grids = new GridScheduler();
    GraphTasks tasks = GraphTasks.of("rows", TornadoTarget.chosen(), grids);
    tasks
        .graph()
        .transferToDevice(
            DataTransferMode.EVERY_EXECUTION, x, y, turned, modulations, weights, biases);
    Activations.Tokens tokens = new Activations.Tokens(x, ROWS, width, EPS);
    Activations.Modulations all = new Activations.Modulations(modulations, 6, Integer.MAX_VALUE);
    activations.addGatedNorm(
        tasks, "rows", tokens, y, all, 2, new Activations.Norm(weights, biases), out);
    activations.rotate(tasks, "heads", turned, ROWS, weights, norm(width));
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, x, out, turned);
    try (DevicePlan plan = new DevicePlan(grids, DevicePlan.UNLIMITED, tasks.graph())) {
      plan.execute(0);
    }
    double[] sum = new double[ROWS * width];
    double[] normed = new double[ROWS * width];
    double[] heads = new double[ROWS * width];
    for (int row = 0; row < ROWS; row++) {
      int base = row * width;
      for (int i = 0; i < width; i++) {
        sum[base + i] = stream[base + i] + (double) rows[2 * width + i] * added[base + i];
      }
      double mean = mean(width, i -> sum[base + i]);
      double deviation = Math.sqrt(mean(width, i -> Math.pow(sum[base + i] - mean, 2)) + EPS);
      double length = Math.sqrt(mean(width, i -> Math.pow(added[base + i], 2)) + EPS);
      for (int i = 0; i < width; i++) {
        normed[base + i] = (sum[base + i] - mean) / deviation * weight[i] + bias[i];
        heads[base + i] = added[base + i] / length * weight[i];
      }
    }
    close("x", sum, x, DType.F32, allowed);
    DType type =
        switch (activations) {
          case SixteenBits sixteen -> sixteen.dtype();
          default -> DType.F32;
        };
    close("out", normed, out, type, allowed);
    close("heads", heads, turned, type, allowed);
  }

  /** RMS norm without turns. */
  private static Activations.Rotary norm(int width) {
    TransformerShape.Axes axes = TransformerShape.Axes.ofElements(List.of(2, 0, 0));
    return new Activations.Rotary(new FloatArray(4), false, 1, 1, ROWS, 2, width, EPS, axes);
  }

  private static double mean(int width, IntToDoubleFunction of) {
    double sum = 0;
    for (int i = 0; i < width; i++) {
      sum += of.applyAsDouble(i);
    }
    return sum / width;
  }

  private static float[] numbers(int size, SplittableRandom random, double mean) {
    float[] numbers = new float[size];
    for (int i = 0; i < size; i++) {
      numbers[i] = (float) (mean + random.nextDouble(-1, 1));
    }
    return numbers;
  }

  private void close(
      String what, double[] expected, TornadoNativeArray got, DType type, double allowed) {
    double error = 0;
    double length = 0;
    for (int i = 0; i < expected.length; i++) {
      double value = type.get(got.getSegment(), i);
      error += Math.pow(value - expected[i], 2);
      length += Math.pow(expected[i], 2);
    }
    double relative = Math.sqrt(error / length);
    assertTrue(relative < allowed, what + ", seed " + seed + ": " + relative);
  }
}
