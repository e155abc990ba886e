// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.IntStream;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Latents as tokens, one per patch, and back. */
final class Patches {
  private final WanConfig.Patch patch;
  private final int channels;

  /**
   * @param patch its sizes
   * @param channels of the latents
   */
  Patches(WanConfig.Patch patch, int channels) {
    this.patch = patch;
    this.channels = channels;
  }

  /**
   * The grid of patches that latents make.
   *
   * @param latents {@code [batch, channels, frames, rows, columns]}
   * @throws IllegalArgumentException if they have other channels or do not divide into patches
   */
  VideoGrid grid(INDArray latents) {
    boolean fits =
        latents.rank() == 5
            && latents.size(1) == channels
            && latents.size(2) % patch.frames() == 0
            && latents.size(3) % patch.rows() == 0
            && latents.size(4) % patch.columns() == 0;
    if (!fits) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "latents must be [batch, %d, frames, rows, columns], the last three multiples of %d, %d and %d, got %s",
              channels,
              patch.frames(),
              patch.rows(),
              patch.columns(),
              Arrays.toString(latents.shape())));
    }
    return new VideoGrid(
        (int) latents.size(2) / patch.frames(),
        new PatchGrid(
            (int) latents.size(3) / patch.rows(), (int) latents.size(4) / patch.columns()));
  }

  /**
   * The values of each patch: channel by channel, in each frame by frame and row by row.
   *
   * @return {@code [batch, tokens, channels · patch]}
   */
  INDArray gather(INDArray latents) {
    VideoGrid grid = grid(latents);
    int batch = (int) latents.size(0);
    INDArray out =
        Nd4j.createUninitialized(
            DataType.FLOAT, new long[] {batch, grid.tokens(), (long) channels * patch.size()});
    copy(NdMemory.view(latents), NdMemory.view(out), batch, grid, Order.CHANNEL_FIRST);
    return out;
  }

  /**
   * Puts patches back in place.
   *
   * @param tokens {@code [batch, tokens, patch · channels]}: value by value of the patch, in each
   *     channel by channel
   * @return latents {@code [batch, channels, frames, rows, columns]}
   */
  INDArray scatter(INDArray tokens, VideoGrid grid) {
    int batch = (int) tokens.size(0);
    INDArray out =
        Nd4j.createUninitialized(
            DataType.FLOAT,
            new long[] {
              batch,
              channels,
              (long) grid.frames() * patch.frames(),
              (long) grid.patches().rows() * patch.rows(),
              (long) grid.patches().columns() * patch.columns()
            });
    copy(NdMemory.view(tokens), NdMemory.view(out), batch, grid, Order.CHANNEL_LAST);
    return out;
  }

  /** How a token's values lie; the side of the copy that has tokens follows from it. */
  private enum Order {
    CHANNEL_FIRST,
    CHANNEL_LAST
  }

  private void copy(MemorySegment from, MemorySegment to, int batch, VideoGrid grid, Order order) {
    int rows = grid.patches().rows() * patch.rows();
    int columns = grid.patches().columns() * patch.columns();
    int frames = grid.frames() * patch.frames();
    IntStream.range(0, batch * channels * frames)
        .parallel()
        .forEach(
            plane -> {
              int frame = plane % frames;
              int channel = plane / frames % channels;
              int element = plane / frames / channels;
              for (int row = 0; row < rows; row++) {
                for (int column = 0; column < columns; column++) {
                  long latent = ((long) plane * rows + row) * columns + column;
                  long token = token(grid, element, frame, row, column, channel, order);
                  if (order == Order.CHANNEL_FIRST) {
                    to.setAtIndex(
                        ValueLayout.JAVA_FLOAT,
                        token,
                        from.getAtIndex(ValueLayout.JAVA_FLOAT, latent));
                  } else {
                    to.setAtIndex(
                        ValueLayout.JAVA_FLOAT,
                        latent,
                        from.getAtIndex(ValueLayout.JAVA_FLOAT, token));
                  }
                }
              }
            });
  }

  private long token(
      VideoGrid grid, int element, int frame, int row, int column, int channel, Order order) {
    long token = (long) element * grid.frames() + frame / patch.frames();
    token = token * grid.patches().rows() + row / patch.rows();
    token = token * grid.patches().columns() + column / patch.columns();
    int inPatch = frame % patch.frames();
    inPatch = inPatch * patch.rows() + row % patch.rows();
    inPatch = inPatch * patch.columns() + column % patch.columns();
    int inToken =
        order == Order.CHANNEL_FIRST
            ? channel * patch.size() + inPatch
            : inPatch * channels + channel;
    return token * channels * patch.size() + inToken;
  }
}
