// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;

/**
 * Times forward passes of a transformer with random weights, and compares fp16 with float32.
 *
 * <pre>{@code
 * TransformerSpeed LAYERS HEADS HEAD_DIM FEED_FORWARD FRAMES ROWS COLUMNS TEXT DTYPE REPS ATTENDED [offload]
 * }</pre>
 *
 * where ATTENDED is the number of frames that a frame attends to; all for dense. DTYPE {@code both}
 * prints the relative difference between fp16 and float32. With {@code offload}, the weights stay
 * in the host's memory, and those of two blocks are on the device.
 */
final class TransformerSpeed {
  private TransformerSpeed() {}

  public static void main(String[] args) throws IOException {
    int[] n = Arrays.stream(args, 0, 8).mapToInt(Integer::parseInt).toArray();
    TransformerShape shape =
        new TransformerShape(
            n[0],
            n[1],
            n[2],
            n[3],
            true,
            false,
            1e-6f,
            new TransformerShape.Patch(16, 16, 1, 2, 2));
    TransformerVideo video = new TransformerVideo(n[4], n[5], n[6], n[7]);
    int reps = Integer.parseInt(args[9]);
    Residence residence =
        args.length > 11 && args[11].equals("offload")
            ? Residence.TWO_BLOCKS
            : Residence.ALL_BLOCKS;
    BlockSparseLayout layout = layout(video.frames(), args[10]);
    if (args[8].equals("both")) {
      float[] wide = run(shape, video, layout, new Storage(DType.F32, residence), reps);
      float[] narrow = run(shape, video, layout, new Storage(DType.F16, residence), reps);
      double difference = 0;
      double norm = 0;
      for (int i = 0; i < wide.length; i++) {
        difference += Math.pow(wide[i] - narrow[i], 2);
        norm += Math.pow(wide[i], 2);
      }
      System.out.printf(Locale.ROOT, "fp16 against float32: %.3g%n", Math.sqrt(difference / norm));
    } else {
      run(shape, video, layout, new Storage(DType.valueOf(args[8]), residence), reps);
    }
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
      TransformerShape shape,
      TransformerVideo video,
      BlockSparseLayout layout,
      Storage storage,
      int reps) {
    TornadoTransformers backend = new TornadoTransformers();
    backend
        .memory(shape, video, storage)
        .forEach(need -> System.out.println(need.part() + " " + (need.bytes() >> 20) + " MiB"));
    long begun = System.nanoTime();
    try (DeviceTransformer transformer =
            backend.open(shape, random(), storage, KernelOptions.DEFAULT);
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
      long values = (long) video.tokens() * shape.patch().inChannels() * shape.patch().size();
      MemorySegment latents = floats(arena, values, 1, 1.7f);
      MemorySegment text = floats(arena, (long) video.told().textTokens() * shape.width(), 2, 1.7f);
      float[] time = floats(arena, 6L * shape.width(), 3, 0.2f).toArray(ValueLayout.JAVA_FLOAT);
      float[] headTime = floats(arena, shape.width(), 4, 0.2f).toArray(ValueLayout.JAVA_FLOAT);
      MemorySegment out = arena.allocate(values * Float.BYTES, 64);
      Forward forward =
          new Forward(
              video, latents, text, arena.allocate(0), time, headTime, turns(shape, video), layout);
      for (int i = 0; i < reps; i++) {
        System.out.printf(Locale.ROOT, "%.1f ms%n", transformer.predict(forward, out));
      }
      DeviceTransformer.ForwardTimes times = transformer.measure(forward, out);
      System.out.printf(Locale.ROOT, "with the device's clock: %.1f ms, of it", times.wall());
      times
          .parts()
          .forEach(
              (kind, millis) -> System.out.printf(Locale.ROOT, " %s %.1f", kind.label(), millis));
      System.out.println();
      System.out.println(transformer.kernels() + " on " + transformer.device());
      float[] result = out.toArray(ValueLayout.JAVA_FLOAT);
      double squares = 0;
      for (float value : result) {
        squares += value * value;
      }
      System.out.printf(Locale.ROOT, "rms %.4f%n", Math.sqrt(squares / result.length));
      return result;
    }
  }

  private static DeviceTransformer.Turns turns(TransformerShape shape, TransformerVideo video) {
    int spatial = shape.headDim() / 6;
    return new DeviceTransformer.Turns(
        axis(video.frames(), shape.headDim() / 2 - 2 * spatial),
        axis(video.rows(), spatial),
        axis(video.columns(), spatial));
  }

  private static float[] axis(int places, int pairs) {
    float[] turns = new float[2 * places * pairs];
    for (int place = 0; place < places; place++) {
      for (int pair = 0; pair < pairs; pair++) {
        double angle = place * Math.pow(10_000, -(double) pair / pairs);
        turns[2 * (place * pairs + pair)] = (float) Math.cos(angle);
        turns[2 * (place * pairs + pair) + 1] = (float) Math.sin(angle);
      }
    }
    return turns;
  }

  /** Matrices keep the size of what passes through them; norms are around 1, the rest around 0. */
  private static TransformerWeights random() {
    return (name, to) -> {
      long count = to.byteSize() / Float.BYTES;
      boolean norm = name.contains("norm") && name.endsWith("weight");
      boolean vector = norm || name.endsWith("bias") || name.endsWith("table");
      float range = vector ? 0.3f : (float) (3.4 / Math.sqrt(Math.sqrt(count)));
      fill(to, name.hashCode(), range, norm ? 1 : 0);
    };
  }

  private static MemorySegment floats(Arena arena, long count, long seed, float range) {
    MemorySegment to = arena.allocate(count * Float.BYTES, 64);
    fill(to, seed, 2 * range, 0);
    return to;
  }

  private static void fill(MemorySegment to, long seed, float range, float mean) {
    long count = to.byteSize() / Float.BYTES;
    LongStream.range(0, Math.ceilDiv(count, 1 << 16))
        .parallel()
        .forEach(
            chunk -> {
              SplittableRandom random = new SplittableRandom(seed * 1_000_003 + chunk);
              for (long i = chunk << 16; i < Math.min(count, (chunk + 1) << 16); i++) {
                float value = mean + range * ((float) random.nextDouble() - 0.5f);
                to.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
              }
            });
  }
}
