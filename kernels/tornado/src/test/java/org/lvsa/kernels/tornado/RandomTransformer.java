// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;

/** Weights and inputs of transformers by chance. */
final class RandomTransformer {
  private RandomTransformer() {}

  /** Matrices keep the size of what passes through them; norms are around 1, the rest around 0. */
  static TransformerWeights weights(long seed) {
    return (name, to) -> {
      long count = to.byteSize() / Float.BYTES;
      boolean norm = name.contains("norm") && name.endsWith("weight");
      boolean vector = norm || name.endsWith("bias") || name.endsWith("table");
      float range = vector ? 0.3f : (float) (3.4 / Math.sqrt(Math.sqrt(count)));
      fill(to, seed + name.hashCode(), range, norm ? 1 : 0);
    };
  }

  /** Inputs of a forward pass. */
  static Forward forward(
      Arena arena,
      TransformerShape shape,
      TransformerVideo video,
      BlockSparseLayout layout,
      long seed) {
    TransformerVideo.Told told = video.told();
    float[] time =
        floats(arena, 6L * told.timesteps() * shape.width(), seed + 3, 0.2f)
            .toArray(ValueLayout.JAVA_FLOAT);
    float[] headTime =
        floats(arena, (long) told.timesteps() * shape.width(), seed + 4, 0.2f)
            .toArray(ValueLayout.JAVA_FLOAT);
    return new Forward(
        video,
        floats(arena, latents(shape, video), seed + 1, 1.7f),
        floats(arena, (long) told.textTokens() * shape.width(), seed + 2, 1.7f),
        floats(arena, (long) told.pictureTokens() * shape.width(), seed + 5, 1.7f),
        time,
        headTime,
        turns(shape, video),
        layout);
  }

  /** Numbers of the latents that go in. */
  static long latents(TransformerShape shape, TransformerVideo video) {
    return (long) video.tokens() * shape.patch().inChannels() * shape.patch().size();
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
