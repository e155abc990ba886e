// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;

/** Weights and inputs of transformers by chance. */
final class RandomTransformer {
  private RandomTransformer() {}

  /**
   * Sizes of a transformer with patches of 2 x 2. Of a head's pairs a third turns by the row and a
   * third by the column, rounded down, and the rest by the frame.
   *
   * @param inChannels of the latents
   * @param outChannels of the prediction
   */
  static TransformerShape shape(
      BlockShape blocks,
      int layers,
      int heads,
      int headDim,
      int feedForward,
      int inChannels,
      int outChannels) {
    int spatial = headDim / 6;
    return new TransformerShape(
        layers,
        heads,
        headDim,
        feedForward,
        blocks,
        1e-6f,
        new TransformerShape.Axes(headDim / 2 - 2 * spatial, spatial, spatial),
        new TransformerShape.Patch(
            inChannels,
            outChannels,
            1,
            2,
            2,
            blocks.joint()
                ? TransformerShape.Order.CHANNEL_FIRST
                : TransformerShape.Order.CHANNEL_LAST));
  }

  /** Matrices keep the size of what passes through them; norms are around 1, the rest around 0. */
  static TransformerWeights weights(long seed) {
    return (name, to) -> {
      long count = to.byteSize() / Float.BYTES;
      // Layers that make modulations are called after the norms that they are for.
      boolean norm = name.contains("norm") && name.endsWith("weight") && !name.contains("linear");
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
    long timeSize = (long) told.timesteps() * shape.blocks().timeSize(shape.width());
    // What a block makes of it with its own layers is as large as what is given whole.
    float timeRange = shape.blocks().joint() ? 1.7f : 0.2f;
    float[] time = floats(arena, timeSize, seed + 3, timeRange).toArray(ValueLayout.JAVA_FLOAT);
    float[] headTime =
        floats(arena, 2L * told.timesteps() * shape.width(), seed + 4, 0.2f)
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
    TransformerShape.Axes axes = shape.axes();
    return new DeviceTransformer.Turns(
        axis(video.frames(), axes.frames()),
        axis(video.rows(), axes.rows()),
        axis(video.columns(), axes.columns()));
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
