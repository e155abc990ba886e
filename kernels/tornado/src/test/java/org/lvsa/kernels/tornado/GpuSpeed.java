// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DynamicTest;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.TokenBlocks;

/**
 * Checks and times the kernel on the device that TornadoVM chooses ({@code -Dlvsa.device} for
 * another), for machines that have a GPU and no Maven: first the conformance suite, then Wan 1.3B's
 * geometry. {@code NOTES.md} says how to run it.
 */
public final class GpuSpeed {
  private static final double RADIAL_DECAY = 0.6;

  private GpuSpeed() {}

  /**
   * Prints a line per size.
   *
   * @param arguments latent frames to measure; before them what else the problem is, which holds
   *     for the sizes behind: {@code heads=12}, {@code dtype=bf16}, {@code headDim=128}, {@code
   *     patches=1560}, {@code layout=frames}, or blocks of tokens at density 0.25, near ones as
   *     {@code layout=window64}, random ones as {@code layout=random64}, such as Radial Attention
   *     has as {@code layout=radial64}, several as {@code random64,window64}; {@code values=1e6}
   *     for what multiplies the values; {@code flagged=all} for a key that makes nearly every warp
   *     compute its queries again: what that adds to the time without it is the second kernel's;
   *     {@code precision=full}, or {@code int8} for scores of int8
   */
  public static void main(String[] arguments) throws Throwable {
    System.out.println(new TornadoBackend().availability());
    if (new TornadoBackend().availability() instanceof Availability.Unavailable) {
      System.exit(3);
    }
    KernelOptions options =
        new KernelOptions(
            Optional.ofNullable(System.getProperty("lvsa.device")),
            Optional.ofNullable(System.getProperty("lvsa.kernel")));
    try (AttentionKernel kernel = new TornadoBackend().open(options)) {
      int failed = 0;
      int passed = 0;
      List<DynamicTest> tests = new ArrayList<>();
      if (!Boolean.getBoolean("lvsa.skipTests")) {
        if ("tensorcore".equals(System.getProperty("lvsa.kernel"))) {
          tests.addAll(KernelConformance.frameTests(kernel, DType.F32, 1e-4));
        } else {
          tests.addAll(KernelConformance.tests(kernel, 5e-3));
        }
        tests.addAll(KernelConformance.narrowTests(kernel));
      }
      for (DynamicTest test : tests) {
        try {
          test.getExecutable().execute();
          passed++;
        } catch (AssertionError | RuntimeException e) {
          failed++;
          System.out.println("FAILED " + test.getDisplayName() + ": " + e);
        }
      }
      System.out.println(passed + " conformance tests passed, " + failed + " failed");
      Map<String, String> settings =
          new HashMap<>(
              Map.of(
                  "heads",
                  "12",
                  "dtype",
                  "bf16",
                  "headDim",
                  "128",
                  "patches",
                  "1560",
                  "layout",
                  "frames",
                  "flagged",
                  "none",
                  "precision",
                  "full",
                  "values",
                  "1"));
      for (String argument : arguments) {
        int equals = argument.indexOf('=');
        if (equals < 0 && settings.get("precision").equals("int8")) {
          try (AttentionKernel int8 = new TornadoBackend().open(options.with(Precision.INT8))) {
            measure(int8, Integer.parseInt(argument), settings);
          }
        } else if (equals < 0) {
          measure(kernel, Integer.parseInt(argument), settings);
        } else {
          settings.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
      }
      System.exit(failed == 0 ? 0 : 1);
    }
  }

  static void measure(AttentionKernel kernel, int frames, Map<String, String> settings) {
    int heads = Integer.parseInt(settings.get("heads"));
    DType dtype = DType.valueOf(settings.get("dtype").toUpperCase(Locale.ROOT));
    AttentionShape shape =
        new AttentionShape(
            1,
            frames,
            Integer.parseInt(settings.get("patches")),
            0,
            heads,
            heads,
            Integer.parseInt(settings.get("headDim")));
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem drawn = RandomProblem.draw(shape, dtype, 0, 1, 1, arena);
      if (settings.get("flagged").equals("all")) {
        flag(drawn, shape, dtype);
      }
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      float factor = Float.parseFloat(settings.get("values"));
      if (factor != 1) {
        for (long i = 0; i < shape.keyElements(); i++) {
          dtype.set(drawn.value(), i, factor * dtype.get(drawn.value(), i));
        }
      }
      // Once before: the first inputs of a shape have their kernels compiled.
      kernel.run(drawn, output);
      try (PreparedAttention prepared = kernel.prepare(drawn.inputs())) {
        for (String layout : settings.get("layout").split(",")) {
          AttentionProblem sparse = drawn.withLayout(layout(shape, layout));
          KernelRun sparseRun = median(prepared, sparse.layout(), output);
          KernelRun denseRun = median(prepared, sparse.dense().layout(), output);
          System.out.printf(
              Locale.ROOT,
              "%s %s headDim=%d T=%d tokens=%d heads=%d density=%.3f: sparse %.2f ms (%.2f"
                  + " TFLOP/s), dense %.2f ms (%.2f TFLOP/s), speed-up %.2f, efficiency %.3f,"
                  + " prepare %.2f ms, transfer %.1f ms%n",
              sparseRun.kernel(),
              layout,
              shape.headDim(),
              frames,
              shape.tokens(),
              heads,
              sparse.layout().density(),
              sparseRun.kernelMillis(),
              sparse.flops() / sparseRun.kernelMillis() / 1e9,
              denseRun.kernelMillis(),
              sparse.dense().flops() / denseRun.kernelMillis() / 1e9,
              denseRun.kernelMillis() / sparseRun.kernelMillis(),
              denseRun.kernelMillis() / sparseRun.kernelMillis() * sparse.layout().density(),
              prepared.preparation().prepareMillis(),
              prepared.preparation().transferMillis() + sparseRun.transferMillis());
        }
      }
    }
  }

  /** Makes a key of the first frame, outside of what other frames' shifts are taken from, large. */
  private static void flag(AttentionProblem problem, AttentionShape shape, DType dtype) {
    for (int head = 0; head < shape.kvHeads(); head++) {
      long at = shape.keyOffset(0, shape.patchesPerFrame() / 2, head);
      for (int d = 0; d < shape.headDim(); d++) {
        dtype.set(problem.key(), at + d, 30);
      }
    }
  }

  /** Of five runs after a first one, the one with the median kernel time. */
  private static KernelRun median(
      PreparedAttention prepared, BlockSparseLayout layout, AttentionOutput output) {
    prepared.run(layout, output);
    List<KernelRun> runs = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      runs.add(prepared.run(layout, output));
    }
    runs.sort(Comparator.comparingDouble(KernelRun::kernelMillis));
    return runs.get(2);
  }

  private static BlockSparseLayout layout(AttentionShape shape, String name) {
    if (name.equals("frames")) {
      return published(shape.latentFrames());
    }
    int size = Integer.parseInt(name.substring(6));
    int blocks = Math.ceilDiv(shape.tokens(), size);
    SplittableRandom random = new SplittableRandom(1);
    if (name.startsWith("random")) {
      return BlockSparseLayout.ofBlocks(
          TokenBlocks.uniform(
              shape.tokens(), size, RandomProblem.rows(blocks, blocks, 0.25, random)));
    }
    if (name.startsWith("radial")) {
      return radial(shape, size);
    }
    int attended = blocks / 4;
    int[] indptr = new int[blocks + 1];
    int[] indices = new int[blocks * attended];
    for (int row = 0; row < blocks; row++) {
      int first = Math.max(0, Math.min(row - attended / 2, blocks - attended));
      for (int i = 0; i < attended; i++) {
        indices[row * attended + i] = first + i;
      }
      indptr[row + 1] = (row + 1) * attended;
    }
    return BlockSparseLayout.ofBlocks(
        TokenBlocks.uniform(shape.tokens(), size, BlockRows.of(blocks, indptr, indices)));
  }

  /**
   * Like Radial Attention: the first frame and the neighbours are attended to, others in bands that
   * become narrower with their distance.
   */
  private static BlockSparseLayout radial(AttentionShape shape, int size) {
    int blocks = Math.ceilDiv(shape.tokens(), size);
    int patches = shape.patchesPerFrame();
    BitSet[] rows = new BitSet[blocks];
    for (int row = 0; row < blocks; row++) {
      rows[row] = new BitSet(blocks);
      for (int column = 0; column < blocks; column++) {
        int distance = Math.abs(row * size / patches - column * size / patches);
        int away = Math.abs(row * size % patches - column * size % patches);
        double band = RADIAL_DECAY * 2 * Integer.highestOneBit(patches) / Math.max(1, distance);
        rows[row].set(column, column * size < patches || distance < 2 || away < band);
      }
    }
    int[] indptr = new int[blocks + 1];
    for (int row = 0; row < blocks; row++) {
      indptr[row + 1] = indptr[row] + rows[row].cardinality();
    }
    int[] indices = Arrays.stream(rows).flatMapToInt(BitSet::stream).toArray();
    return BlockSparseLayout.ofBlocks(
        TokenBlocks.uniform(shape.tokens(), size, BlockRows.of(blocks, indptr, indices)));
  }

  /**
   * As many attended frames as the published pattern has at window 3, first 1, scale 1, reference
   * 21: 14 anchors at equal distances and 7 neighbours.
   */
  static BlockSparseLayout published(int frames) {
    int wanted = Math.min(21, frames);
    int[] indptr = new int[frames + 1];
    int[] indices = new int[frames * wanted];
    for (int frame = 0; frame < frames; frame++) {
      boolean[] attended = new boolean[frames];
      int count = 0;
      for (int i = 0; i < 14 && count < wanted; i++) {
        int anchor = (int) ((long) i * frames / 14);
        count += attended[anchor] ? 0 : 1;
        attended[anchor] = true;
      }
      for (int distance = 0; count < wanted; distance++) {
        for (int near : new int[] {frame - distance, frame + distance}) {
          if (near >= 0 && near < frames && !attended[near] && count < wanted) {
            attended[near] = true;
            count++;
          }
        }
      }
      indptr[frame + 1] = indptr[frame] + wanted;
      int next = indptr[frame];
      for (int i = 0; i < frames; i++) {
        if (attended[i]) {
          indices[next++] = i;
        }
      }
    }
    return BlockSparseLayout.of(frames, indptr, indices);
  }
}
