// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.model.RotaryEmbedding;

/**
 * Query, key and value for an attention to measure.
 *
 * <p>Made from a video, they stand in for a model's activations without its weights. The pixels of
 * a patch ({@link PatchFeatures}) go through one seeded random projection per head. Query and key
 * are the same projection, RMS-normalised (QK-norm) and turned by the model's {@link
 * RotaryEmbedding}, so that similar patches at near places attend to each other. Value is a second
 * projection. Text tokens are random.
 *
 * @param query {@code [batch, tokens, heads, headDim]}
 * @param key {@code [batch, tokens, kvHeads, headDim]}
 * @param value as key
 */
public record Activations(MemorySegment query, MemorySegment key, MemorySegment value) {

  /**
   * Makes query, key and value. The same source, shape and seed give the same numbers.
   *
   * @param model gives the rotary embedding and the temporal factor
   * @param grid places the patches of a frame
   */
  public static Activations of(
      InputSource source,
      AttentionShape shape,
      DType dtype,
      ModelGeometry model,
      PatchGrid grid,
      long seed,
      Arena arena) {
    Activations memory =
        new Activations(
            arena.allocate(shape.queryElements() * dtype.bytes(), 64),
            arena.allocate(shape.keyElements() * dtype.bytes(), 64),
            arena.allocate(shape.keyElements() * dtype.bytes(), 64));
    memory.fillRandom(dtype, seed);
    switch (source) {
      case InputSource.RandomNumbers ignored -> {}
      case InputSource.Capture capture ->
          CapturedAttention.read(capture.path(), shape, dtype, memory);
      case InputSource.Moving ignored ->
          memory.project(new MovingScene(seed), shape, dtype, model, grid, seed);
      case InputSource.VideoFile file ->
          memory.project(new VideoFileFrames(file.path()), shape, dtype, model, grid, seed);
    }
    return memory;
  }

  /**
   * Makes sure that the source can give that many video frames, before anything is started.
   *
   * @throws MalformedFileException if the source is a file that cannot
   */
  public static void check(InputSource source, int videoFrames) {
    if (source instanceof InputSource.VideoFile file) {
      new VideoFileFrames(file.path())
          .read(videoFrames, new Resolution(16, 16), (index, rgb) -> {});
    } else if (source instanceof InputSource.Capture capture) {
      CapturedAttention.of(capture.path());
    }
  }

  /**
   * How many video frames the source can give, at most {@code most}.
   *
   * @throws MalformedFileException if the source is a file that is no video
   */
  public static int frames(InputSource source, int most) {
    return source instanceof InputSource.VideoFile file
        ? new VideoFileFrames(file.path()).count(most)
        : most;
  }

  /**
   * Bytes of Java heap that making the inputs takes, beyond query, key and value themselves.
   *
   * @throws ArithmeticException if an array would have to hold more elements than it can
   */
  public static long scratchBytes(InputSource source, AttentionShape shape) {
    if (source instanceof InputSource.RandomNumbers || source instanceof InputSource.Capture) {
      return 0;
    }
    long projections = 2L * PatchFeatures.SIZE * shape.kvHeads() * shape.headDim() * Float.BYTES;
    return Math.addExact(
        PatchFeatures.bytes(shape.latentFrames(), shape.patchesPerFrame()), projections);
  }

  private void fillRandom(DType dtype, long seed) {
    normal(query, dtype, seed);
    normal(key, dtype, seed + 1);
    normal(value, dtype, seed + 2);
  }

  private static void normal(MemorySegment memory, DType dtype, long seed) {
    long elements = memory.byteSize() / dtype.bytes();
    int piece = 1 << 16;
    LongStream.range(0, Math.ceilDiv(elements, (long) piece))
        .parallel()
        .forEach(
            i -> {
              SplittableRandom random = new SplittableRandom(seed * 1_000_003 + i);
              long end = Math.min((i + 1) * piece, elements);
              for (long e = i * piece; e < end; e++) {
                dtype.set(memory, e, (float) random.nextGaussian());
              }
            });
  }

  private void project(
      VideoFrames video,
      AttentionShape shape,
      DType dtype,
      ModelGeometry model,
      PatchGrid grid,
      long seed) {
    float[][] features =
        PatchFeatures.read(video, shape.latentFrames(), model.videoFramesPerLatentFrame(), grid);
    float[][] similarity = projections(shape.kvHeads(), shape.headDim(), seed + 3);
    float[][] content = projections(shape.kvHeads(), shape.headDim(), seed + 4);
    RotaryEmbedding rotary = new RotaryEmbedding(model.ropeAxes(), model.ropeTheta());
    IntStream.range(0, shape.videoTokens())
        .parallel()
        .forEach(
            token -> {
              int patch = token % grid.patches();
              float[] frame = features[token / grid.patches()];
              float[] turns =
                  rotary.at(token / grid.patches(), patch / grid.columns(), patch % grid.columns());
              for (int kvHead = 0; kvHead < shape.kvHeads(); kvHead++) {
                float[] shared = product(frame, patch, similarity[kvHead], shape.headDim());
                normalise(shared);
                RotaryEmbedding.apply(shared, turns);
                float[] payload = product(frame, patch, content[kvHead], shape.headDim());
                write(shape, dtype, token, kvHead, shared, payload);
              }
            });
  }

  private void write(
      AttentionShape shape, DType dtype, int token, int kvHead, float[] shared, float[] payload) {
    int group = shape.headsPerKvHead();
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      long keyAt = shape.keyOffset(sequence, token, kvHead * group);
      for (int d = 0; d < shared.length; d++) {
        dtype.set(key, keyAt + d, shared[d]);
        dtype.set(value, keyAt + d, payload[d]);
      }
      for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
        long queryAt = shape.queryOffset(sequence, token, head);
        for (int d = 0; d < shared.length; d++) {
          dtype.set(query, queryAt + d, shared[d]);
        }
      }
    }
  }

  /** One matrix {@code [SIZE][headDim]} per head, entries normal with variance 1 / SIZE. */
  private static float[][] projections(int heads, int headDim, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[][] matrices = new float[heads][PatchFeatures.SIZE * headDim];
    double deviation = 1 / Math.sqrt(PatchFeatures.SIZE);
    for (float[] matrix : matrices) {
      for (int i = 0; i < matrix.length; i++) {
        matrix[i] = (float) (random.nextGaussian() * deviation);
      }
    }
    return matrices;
  }

  private static float[] product(float[] features, int patch, float[] matrix, int headDim) {
    float[] out = new float[headDim];
    int at = patch * PatchFeatures.SIZE;
    for (int i = 0; i < PatchFeatures.SIZE; i++) {
      float feature = features[at + i];
      int row = i * headDim;
      for (int d = 0; d < headDim; d++) {
        out[d] += feature * matrix[row + d];
      }
    }
    return out;
  }

  /** RMS norm, as QK-normalised models apply it before the rotary embedding. */
  private static void normalise(float[] vector) {
    double squares = 1e-12;
    for (float x : vector) {
      squares += (double) x * x;
    }
    float inverse = (float) (1 / Math.sqrt(squares / vector.length));
    if (squares <= 1e-11) {
      // A patch of the average colour has no direction; any constant one keeps its norm.
      Arrays.fill(vector, 1);
      return;
    }
    for (int i = 0; i < vector.length; i++) {
      vector[i] *= inverse;
    }
  }
}
