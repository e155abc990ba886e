// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.transformer.TransformerShape;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Times the element-wise kernels of a transformer's block, each alone, with the device's clock.
 *
 * <pre>{@code
 * ElementwiseSpeed FRAMES PATCHES WIDTH HEAD_DIM FEED_FORWARD DTYPE REPS
 * }</pre>
 *
 * <p>A line has a kernel's name, the median of its times (the first two left out), the bytes that
 * it must read and write by that time, and how often the time is that of the memory's stated speed.
 * {@code copy1}, {@code copy2} and {@code copy4} move so many tensors of weights, of which the
 * second has those of the feed-forward part.
 */
final class ElementwiseSpeed<A extends TornadoNativeArray> {
  /** The bytes that a kernel has to move, and what adds its task. */
  private record Case(double bytes, BiConsumer<GraphTasks, String> add) {}

  private final Activations<A> activations;
  private final double numbers;
  private final Map<String, Case> cases = new LinkedHashMap<>();
  private final List<Object> arrays = new ArrayList<>();

  private ElementwiseSpeed(
      Activations<A> activations, int frames, int patches, int width, int headDim, int feed) {
    this.activations = activations;
    int tokens = Math.multiplyExact(frames, patches);
    numbers = (double) tokens * width;
    int a = activations.bytes();
    FloatArray x = used(new FloatArray(tokens * width));
    A y = used(activations.array((long) tokens * width));
    A out = used(activations.array((long) tokens * width));
    FloatArray rows = used(new FloatArray(6 * width));
    FloatArray weight = used(new FloatArray(width));
    FloatArray bias = used(new FloatArray(width));
    FloatArray turns = used(new FloatArray((frames + patches + 1) * headDim));
    x.init(1f);
    turns.init(0.5f);
    Activations.Tokens stream = new Activations.Tokens(x, tokens, width, 1e-6f);
    Activations.Modulations all = new Activations.Modulations(rows, 6, Integer.MAX_VALUE);
    Activations.Norm norm = new Activations.Norm(weight, bias);
    int side = headDim / 6;
    Activations.Rotary rotary =
        new Activations.Rotary(
            turns,
            true,
            frames,
            patches,
            1,
            headDim,
            width,
            1e-6f,
            TransformerShape.Axes.ofElements(List.of(headDim - 4 * side, 2 * side, 2 * side)));
    put("modulate", 4 + a, (t, n) -> activations.modulate(t, n, stream, all, 0, out));
    put("addModulate", 8 + 2 * a, (t, n) -> activations.addModulate(t, n, stream, y, all, 3, out));
    put(
        "addGatedNorm",
        8 + 2 * a,
        (t, n) -> activations.addGatedNorm(t, n, stream, y, all, 2, norm, out));
    put("addGated", 8 + a, (t, n) -> activations.addGated(t, n, stream, y, all, 5));
    put("turnHeads", 2 * a, (t, n) -> activations.rotate(t, n, y, tokens, weight, rotary));
    put("norm", 2 * a, (t, n) -> activations.rotate(t, n, y, tokens, weight, rotary.normOnly()));
    Activations.HeadNorms heads = new Activations.HeadNorms(weight, bias);
    put("normHeads", 2 * a, (t, n) -> activations.normHeads(t, n, y, tokens, heads, rotary));
    putCopies(1, width * width);
    putCopies(4, width * width);
    putCopies(2, width * feed);
    putCopies(4, width);
    putSpread(width);
    IntArray count = used(new IntArray(1));
    // What the clock and a launch take: one thread adds 1.
    cases.put(
        "nothing",
        new Case(
            2 * Integer.BYTES,
            (tasks, name) -> {
              tasks.perThread(name, 1);
              tasks
                  .graph()
                  .task(name, FloatTransformerKernels::count, new KernelContext(), count, 0);
            }));
  }

  private <T> T used(T array) {
    arrays.add(array);
    return array;
  }

  private void put(String name, int bytesOfNumber, BiConsumer<GraphTasks, String> add) {
    cases.put(name, new Case(bytesOfNumber * numbers, add));
  }

  /** Nine small tensors of a block in one task. */
  private void putSpread(int size) {
    IntArray block = used(new IntArray(1));
    List<A> to = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      to.add(used(activations.array(size)));
    }
    cases.put(
        "spread9of" + size,
        new Case(
            2.0 * to.size() * size * activations.bytes(),
            (tasks, name) -> {
              WeightCopies copies = new WeightCopies(true);
              for (A one : to) {
                WeightPart<A> part = new WeightPart<>(activations.array(2L * size), 0, 2, size);
                copies.add(name, part, one, activations.bytes());
              }
              copies.addTo(tasks, block);
            }));
  }

  private void putCopies(int count, int size) {
    IntArray block = used(new IntArray(1));
    List<A> from = new ArrayList<>();
    List<A> to = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      from.add(used(activations.array(2L * size)));
      to.add(used(activations.array(size)));
    }
    cases.put(
        "copy" + count + "of" + size,
        new Case(
            2.0 * count * size * activations.bytes(),
            (tasks, name) -> {
              WeightCopies copies = new WeightCopies(false);
              for (int i = 0; i < count; i++) {
                WeightPart<A> part = new WeightPart<>(from.get(i), 0, 2, size);
                copies.add(name, part, to.get(i), activations.bytes());
              }
              copies.addTo(tasks, block);
            }));
  }

  private void time(int reps) {
    GridScheduler grids = new GridScheduler();
    GraphTasks tasks = GraphTasks.of("speed", TornadoTarget.chosen(), grids);
    tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, arrays.toArray());
    cases.forEach((name, one) -> one.add().accept(tasks, name));
    Map<String, List<Long>> times = new LinkedHashMap<>();
    try (DevicePlan plan = new DevicePlan(grids, DevicePlan.UNLIMITED, tasks.graph())) {
      int from = 0;
      for (int i = 0; i < reps + 2; i++) {
        plan.execute(0);
        String log = plan.log(0);
        if (i > 1) {
          TaskTimes.byTask(log, from)
              .forEach((task, t) -> times.computeIfAbsent(task, _ -> new ArrayList<>()).add(t));
        }
        from = log.length();
      }
    }
    double bandwidth = ElementwiseBytes.bandwidth(TornadoTarget.chosen().name());
    cases.forEach(
        (name, one) -> {
          long[] sorted = times.get(name).stream().mapToLong(Long::longValue).sorted().toArray();
          double nanos = sorted[sorted.length / 2];
          String floor =
              bandwidth == 0
                  ? ""
                  : String.format(
                      Locale.ROOT, ", %.2f times the floor", nanos / 1e9 * bandwidth / one.bytes());
          System.out.printf(
              Locale.ROOT,
              "%-20s %8.1f us %7.0f GB/s%s%n",
              name,
              nanos / 1e3,
              one.bytes() / nanos,
              floor);
        });
  }

  public static void main(String[] args) {
    int[] n = Arrays.stream(args, 0, 5).mapToInt(Integer::parseInt).toArray();
    // Looking for devices raises TornadoVM's limits.
    System.out.println(new TornadoBackend().availability());
    System.out.println(TornadoTarget.chosen().name());
    Activations<?> activations =
        switch (DType.valueOf(args[5])) {
          case F32 -> new FloatActivations();
          case F16 -> new HalfActivations();
          case BF16 -> new Bf16Activations();
        };
    new ElementwiseSpeed<>(activations, n[0], n[1], n[2], n[3], n[4])
        .time(Integer.parseInt(args[6]));
  }
}
