// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/**
 * Times forward passes of a transformer with random weights, and compares 16 bits with float32.
 *
 * <pre>{@code
 * TransformerSpeed LAYERS HEADS HEAD_DIM FEED_FORWARD FRAMES ROWS COLUMNS TEXT DTYPE REPS ATTENDED [WISH]...
 * }</pre>
 *
 * where ATTENDED is {@code dense}, or a file with a line of attended frames for each frame. DTYPE
 * {@code halves} runs fp16 and then bf16, {@code all} float32 before them, and prints the relative
 * difference of each from float32. With {@code cudnn}, fp16 has NVIDIA's attention; with {@code
 * offload}, the weights stay in the host's memory, and those of two blocks are on the device.
 * Blocks are Wan's; with {@code shared}, CogVideoX's; with {@code joint}, HunyuanVideo 1.5's. With
 * {@code replayed}, a block is launched as one graph of the driver's; with {@code both}, a
 * transformer whose tasks are launched one by one and one of those run one behind the other, and
 * whether they gave the same bytes is printed.
 */
final class TransformerSpeed {
  private TransformerSpeed() {}

  public static void main(String[] args) throws IOException {
    int[] n = Arrays.stream(args, 0, 8).mapToInt(Integer::parseInt).toArray();
    TransformerShape shape = shape(n, List.of(args));
    TransformerVideo video = new TransformerVideo(n[4], n[5], n[6], n[7]);
    int reps = Integer.parseInt(args[9]);
    List<String> wishes = List.of(args).subList(11, args.length);
    Residence residence = wishes.contains("offload") ? Residence.TWO_BLOCKS : Residence.ALL_BLOCKS;
    BlockSparseLayout layout = layout(video.frames(), args[10]);
    List<DType> types =
        switch (args[8]) {
          case "all" -> List.of(DType.F32, DType.F16, DType.BF16);
          case "halves" -> List.of(DType.F16, DType.BF16);
          default -> List.of(DType.valueOf(args[8]));
        };
    Optional<float[]> wide = Optional.empty();
    for (DType dtype : types) {
      System.out.println(dtype);
      Storage storage = new Storage(dtype, residence);
      List<float[]> results =
          replayed(wishes).stream()
              .map(
                  one ->
                      run(backend(dtype, wishes, one), shape, video, layout, storage, reps, !one))
              .toList();
      float[] result = results.getLast();
      if (results.size() > 1) {
        System.out.println("the same bytes: " + Arrays.equals(results.getFirst(), result));
      }
      wide.ifPresent(
          expected ->
              System.out.printf(
                  Locale.ROOT,
                  "%s against float32: %.3g%n",
                  dtype,
                  HalfAccuracy.relative(expected, result)));
      if (dtype == DType.F32) {
        wide = Optional.of(result);
      }
    }
  }

  /** Of each run, whether blocks are replayed. */
  private static List<Boolean> replayed(List<String> wishes) {
    return wishes.contains("both") ? List.of(false, true) : List.of(wishes.contains("replayed"));
  }

  private static TransformerBackend backend(DType dtype, List<String> wishes, boolean replayed) {
    Launching launching = replayed ? Launching.REPLAYED : Launching.SINGLY;
    return wishes.contains("cudnn") && dtype != DType.F32
        ? new CuDnnTransformers(launching)
        : new TornadoTransformers(launching);
  }

  private static TransformerShape shape(int[] n, List<String> wishes) {
    if (wishes.contains("joint")) {
      return RandomTransformer.shape(new BlockShape.Joint(), n[0], n[1], n[2], n[3], 65, 32);
    }
    BlockShape blocks =
        wishes.contains("shared")
            ? new BlockShape.Shared(512, false)
            : new BlockShape.Cross(true, false);
    return RandomTransformer.shape(blocks, n[0], n[1], n[2], n[3], 16, 16);
  }

  private static BlockSparseLayout layout(int frames, String attended) throws IOException {
    if (attended.equals("dense")) {
      return BlockSparseLayout.dense(frames);
    }
    int[][] rows =
        Files.readAllLines(Path.of(attended)).stream()
            .map(line -> Stream.of(line.split(" ")).mapToInt(Integer::parseInt).toArray())
            .toArray(int[][]::new);
    int[] indptr = new int[rows.length + 1];
    for (int row = 0; row < rows.length; row++) {
      indptr[row + 1] = indptr[row] + rows[row].length;
    }
    int[] indices = Stream.of(rows).flatMapToInt(IntStream::of).toArray();
    return BlockSparseLayout.of(frames, indptr, indices);
  }

  private static float[] run(
      TransformerBackend backend,
      TransformerShape shape,
      TransformerVideo video,
      BlockSparseLayout layout,
      Storage storage,
      int reps,
      boolean clocked) {
    backend
        .memory(shape, video, storage)
        .forEach(need -> System.out.println(need.part() + " " + (need.bytes() >> 20) + " MiB"));
    long begun = System.nanoTime();
    try (DeviceTransformer transformer =
            backend.open(shape, RandomTransformer.weights(0), storage, KernelOptions.DEFAULT);
        Arena arena = Arena.ofShared()) {
      System.out.printf(Locale.ROOT, "weights read: %.1f s%n", (System.nanoTime() - begun) / 1e9);
      transformer.prepare(
          video,
          (done, all, what) ->
              System.out.printf(
                  Locale.ROOT,
                  "%.1f s: %d/%d %s%n",
                  (System.nanoTime() - begun) / 1e9,
                  done,
                  all,
                  what));
      Forward forward = RandomTransformer.forward(arena, shape, video, layout, 0);
      MemorySegment out = arena.allocate(RandomTransformer.latents(shape, video) * Float.BYTES, 64);
      for (int i = 0; i < reps; i++) {
        System.out.printf(Locale.ROOT, "%.1f ms%n", transformer.predict(forward, out));
      }
      float[] result = out.toArray(ValueLayout.JAVA_FLOAT);
      if (clocked) {
        clock(transformer, shape, forward, out, storage.dtype());
      }
      System.out.println(transformer.kernels() + " on " + transformer.device());
      double squares = 0;
      for (float value : result) {
        squares += value * value;
      }
      System.out.printf(Locale.ROOT, "rms %.4f%n", Math.sqrt(squares / result.length));
      return result;
    }
  }

  /** A pass with the device's clock, by kind of work. */
  private static void clock(
      DeviceTransformer transformer,
      TransformerShape shape,
      Forward forward,
      MemorySegment out,
      DType dtype) {
    DeviceTransformer.ForwardTimes times = transformer.measure(forward, out);
    System.out.printf(Locale.ROOT, "with the device's clock: %.1f ms, of it", times.wall());
    times
        .parts()
        .forEach(
            (kind, millis) -> System.out.printf(Locale.ROOT, " %s %.1f", kind.label(), millis));
    System.out.println();
    ElementwiseBytes.of(shape, forward.video(), dtype.bytes())
        .ifPresent(
            floor ->
                System.out.println(
                    floor.compared(
                        times.parts().getOrDefault(Work.ELEMENTWISE, Double.NaN),
                        ElementwiseBytes.bandwidth(transformer.device()))));
  }
}
