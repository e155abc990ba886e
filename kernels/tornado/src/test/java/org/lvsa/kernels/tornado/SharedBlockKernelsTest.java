// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.tornado.Activations.Norm;
import org.lvsa.kernels.tornado.Activations.Rotary;
import org.lvsa.kernels.tornado.Activations.Tokens;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Each kernel of blocks whose video and text share their layers against float64. */
class SharedBlockKernelsTest {
  private static final int FRAMES = 2;
  private static final int ROWS = 3;
  private static final int COLUMNS = 5;
  private static final int VIDEO = FRAMES * ROWS * COLUMNS;
  private static final int TEXT = 7;
  private static final int TOKENS = VIDEO + TEXT;
  private static final int HEADS = 3;
  private static final float EPS = 1e-5f;

  private final long seed = KernelConformance.random().nextInt(1 << 20);
  private final SplittableRandom random = new SplittableRandom(seed);

  private static <A extends TornadoNativeArray> A array(Activations<A> of, double[] values) {
    A array = of.array(values.length);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment floats = arena.allocate((long) values.length * Float.BYTES, 64);
      for (int i = 0; i < values.length; i++) {
        floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
      }
      of.write(floats, array, 0);
    }
    return array;
  }

  private static FloatArray floats(double[] values) {
    return array(new FloatActivations(), values);
  }

  /** An array's numbers, rounded as it holds them. */
  private static double[] values(TornadoNativeArray array) {
    double[] values = new double[array.getSize()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (array) {
            case FloatArray floats -> floats.get(i);
            case HalfFloatArray halves -> halves.get(i).getFloat32();
            default -> throw new IllegalArgumentException(array.getClass().getName());
          };
    }
    return values;
  }

  private double[] random(int count, double mean) {
    return random.doubles(count, mean - 1, mean + 1).toArray();
  }

  /** Runs tasks on arrays that are sent before them and come back behind them. */
  private static void run(Consumer<GraphTasks> adds, Object... arrays) {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    GridScheduler grids = new GridScheduler();
    GraphTasks tasks = GraphTasks.of("shared", TornadoTarget.chosen(), grids);
    tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, arrays);
    adds.accept(tasks);
    tasks.graph().transferToHost(DataTransferMode.EVERY_EXECUTION, arrays);
    try (DevicePlan plan = new DevicePlan(grids, DevicePlan.UNLIMITED, tasks.graph())) {
      plan.attention(0);
    }
  }

  private void assertClose(double[] expected, TornadoNativeArray actual, double tolerance) {
    double[] got = values(actual);
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow(expected[i] - got[i], 2);
      size += Math.pow(expected[i], 2);
    }
    double relative = Math.sqrt(error / size);
    assertTrue(relative <= tolerance, "seed " + seed + ": relative error " + relative);
  }

  /** {@code (x − mean) / deviation · weight + bias} of the elements from one on. */
  private static double[] normed(
      double[] x, int first, double[] weight, double[] bias, double eps) {
    int width = weight.length;
    double mean = 0;
    double squares = 0;
    for (int i = 0; i < width; i++) {
      mean += x[first + i] / width;
    }
    for (int i = 0; i < width; i++) {
      squares += Math.pow(x[first + i] - mean, 2) / width;
    }
    double[] out = new double[width];
    for (int i = 0; i < width; i++) {
      out[i] = (x[first + i] - mean) / Math.sqrt(squares + eps) * weight[i] + bias[i];
    }
    return out;
  }

  private static double[] modulated(double[] x, double[] weight, double[] bias, double[] rows) {
    int width = weight.length;
    double[] out = new double[TOKENS * width];
    for (int token = 0; token < TOKENS; token++) {
      int shift = token < VIDEO ? 0 : 3 * width;
      double[] one = normed(x, token * width, weight, bias, EPS);
      for (int i = 0; i < width; i++) {
        out[token * width + i] = one[i] * (1 + rows[shift + width + i]) + rows[shift + i];
      }
    }
    return out;
  }

  private static double[] gated(double[] x, double[] y, double[] rows, int width) {
    double[] out = x.clone();
    for (int i = 0; i < out.length; i++) {
      int gate = i / width < VIDEO ? 2 : 5;
      out[i] += rows[gate * width + i % width] * y[i];
    }
    return out;
  }

  private <A extends TornadoNativeArray> void modulates(
      Activations<A> type, int width, double tolerance) {
    FloatArray x = floats(random(TOKENS * width, 0.3));
    Norm norm = new Norm(floats(random(width, 1)), floats(random(width, 0)));
    FloatArray first = floats(random(6 * width, 0));
    FloatArray second = floats(random(6 * width, 0));
    A y = array(type, random(TOKENS * width, 0));
    A in = type.array((long) TOKENS * width);
    A between = type.array((long) TOKENS * width);
    final double[] before = values(x);
    run(
        tasks -> {
          SharedBlockTasks<A> adds = new SharedBlockTasks<>(tasks, type.sharedBlock(), VIDEO);
          Tokens stream = new Tokens(x, TOKENS, width, EPS);
          adds.modulate("in", stream, norm, first, in);
          adds.addModulate("between", stream, y, first, norm, second, between);
          adds.addGated("end", stream, y, second);
        },
        x,
        norm.weight(),
        norm.bias(),
        first,
        second,
        y,
        in,
        between);
    double[] weight = values(norm.weight());
    double[] bias = values(norm.bias());
    assertClose(modulated(before, weight, bias, values(first)), in, tolerance);
    double[] added = gated(before, values(y), values(first), width);
    assertClose(modulated(added, weight, bias, values(second)), between, tolerance);
    assertClose(gated(added, values(y), values(second), width), x, 1e-6);
  }

  @Test
  void normsAreModulatedAndResultsAreGatedByKindOfToken() {
    modulates(new FloatActivations(), 300, 1e-5);
    modulates(new FloatActivations(), 48, 1e-5);
  }

  @Test
  @Tag("gpu")
  void normsAreModulatedAndResultsAreGatedByKindOfTokenInHalves() {
    assumeHalves();
    modulates(new HalfActivations(), 300, 1e-3);
  }

  private static void assumeHalves() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    assumeTrue(TornadoTarget.chosen().tensorCores(), "left out: no CUDA device");
  }

  private <A extends TornadoNativeArray> void normsHeads(
      Activations<A> type, int headDim, boolean turning, double tolerance) {
    int framePairs = headDim / 8;
    int sidePairs = (headDim / 2 - framePairs) / 2;
    int columnPairs = headDim / 2 - framePairs - sidePairs;
    FloatArray turns =
        floats(random(2 * (FRAMES * framePairs + ROWS * sidePairs + COLUMNS * columnPairs), 0));
    Norm norm = new Norm(floats(random(headDim, 1)), floats(random(headDim, 0)));
    A x = array(type, random(TOKENS * HEADS * headDim, 0.2));
    final double[] before = values(x);
    Rotary rotary =
        new Rotary(
            turns,
            turning,
            FRAMES,
            ROWS,
            COLUMNS,
            headDim,
            HEADS * headDim,
            1e-6f,
            new TransformerShape.Axes(framePairs, sidePairs, columnPairs));
    run(
        tasks ->
            new SharedBlockTasks<>(tasks, type.sharedBlock(), VIDEO)
                .normHeads("heads", x, TOKENS, norm, rotary),
        x,
        turns,
        norm.weight(),
        norm.bias());
    double[] angles = values(turns);
    double[] expected = new double[before.length];
    for (int head = 0; head < TOKENS * HEADS; head++) {
      int token = head / HEADS;
      double[] one =
          normed(before, head * headDim, values(norm.weight()), values(norm.bias()), 1e-6);
      for (int p = 0; p < headDim / 2; p++) {
        int patch = token % (ROWS * COLUMNS);
        int rowBegin = FRAMES * framePairs;
        int columnBegin = rowBegin + ROWS * sidePairs;
        int at =
            p < framePairs
                ? token / (ROWS * COLUMNS) * framePairs + p
                : p < framePairs + sidePairs
                    ? rowBegin + patch / COLUMNS * sidePairs + p - framePairs
                    : columnBegin + patch % COLUMNS * columnPairs + p - framePairs - sidePairs;
        boolean turned = turning && token < VIDEO;
        double cosine = turned ? angles[2 * at] : 1;
        double sine = turned ? angles[2 * at + 1] : 0;
        double a = one[2 * p];
        double b = one[2 * p + 1];
        expected[head * headDim + 2 * p] = a * cosine - b * sine;
        expected[head * headDim + 2 * p + 1] = a * sine + b * cosine;
      }
    }
    assertClose(expected, x, tolerance);
  }

  @Test
  void headsAreNormedAndTheVideosTurned() {
    for (int headDim : new int[] {16, 64, 80}) {
      normsHeads(new FloatActivations(), headDim, true, 1e-5);
    }
    normsHeads(new FloatActivations(), 64, false, 1e-5);
  }

  @Test
  @Tag("gpu")
  void headsAreNormedAndTheVideosTurnedInHalves() {
    assumeHalves();
    normsHeads(new HalfActivations(), 64, true, 1e-3);
  }

  @Test
  void positionsAreAddedAndTheTextComesBehindTheVideo() {
    int width = 48;
    FloatArray x = floats(random(TOKENS * width, 0));
    FloatArray tables = floats(random(FRAMES * 12 + (ROWS + COLUMNS) * 18, 0));
    FloatArray text = floats(random(TEXT * width, 0));
    double[] expected = values(x);
    double[] places = values(tables);
    System.arraycopy(values(text), 0, expected, VIDEO * width, TEXT * width);
    for (int token = 0; token < VIDEO; token++) {
      for (int i = 0; i < width; i++) {
        int ofColumns = FRAMES * 12 + ROWS * 18;
        int column = token % COLUMNS;
        int row = token / COLUMNS % ROWS;
        expected[token * width + i] +=
            i < 12
                ? places[token / COLUMNS / ROWS * 12 + i]
                : i < 30
                    ? places[ofColumns + column * 18 + i - 12]
                    : places[FRAMES * 12 + row * 18 + i - 30];
      }
    }
    run(
        tasks -> {
          SharedBlockTasks<FloatArray> adds =
              new SharedBlockTasks<>(tasks, new FloatActivations().sharedBlock(), VIDEO);
          adds.place("text", text, new Tokens(x, TOKENS, width, EPS));
          SharedBlockTasks.addPositions(
              tasks, x, tables, new TransformerVideo(FRAMES, ROWS, COLUMNS, TEXT), width);
        },
        x,
        tables,
        text);
    assertClose(expected, x, 1e-7);
  }

  @Test
  void theHeadSeesTwoNormsOneAfterTheOther() {
    int width = 300;
    FloatArray x = floats(random(TOKENS * width, 0.3));
    FloatArray out = new FloatArray(VIDEO * width);
    Norm first = new Norm(floats(random(width, 1)), floats(random(width, 0)));
    Norm second = new Norm(floats(random(width, 1)), floats(random(width, 0)));
    FloatArray modulations = floats(random(2 * width, 0));
    run(
        tasks ->
            SharedBlockTasks.headIn(
                tasks, new Tokens(x, VIDEO, width, EPS), List.of(first, second), modulations, out),
        x,
        first.weight(),
        first.bias(),
        second.weight(),
        second.bias(),
        modulations,
        out);
    double[] rows = values(modulations);
    double[] expected = new double[VIDEO * width];
    for (int token = 0; token < VIDEO; token++) {
      double[] once =
          normed(values(x), token * width, values(first.weight()), values(first.bias()), EPS);
      double[] twice = normed(once, 0, values(second.weight()), values(second.bias()), EPS);
      for (int i = 0; i < width; i++) {
        expected[token * width + i] = twice[i] * (1 + rows[width + i]) + rows[i];
      }
    }
    assertClose(expected, out, 1e-5);
  }
}
