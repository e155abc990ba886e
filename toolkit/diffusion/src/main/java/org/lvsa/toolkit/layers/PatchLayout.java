// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * How latents are cut into patches, each of which is a token, and how they are put back. Tokens lie
 * frame by frame, each row by row.
 *
 * @param axes order of the latents' axes
 * @param frames latent frames of a patch
 * @param rows latent rows of a patch
 * @param columns latent columns of a patch
 */
public record PatchLayout(Axes axes, int frames, int rows, int columns) {
  /** The order of the latents' axes. */
  public enum Axes {
    /** {@code [batch, channels, frames, rows, columns]}. */
    CHANNELS_FIRST,
    /** {@code [batch, frames, channels, rows, columns]}. */
    FRAMES_FIRST
  }

  /** How a token's values lie. */
  public enum Order {
    /** Channel by channel, in each frame by frame and row by row. */
    CHANNEL_FIRST,
    /** Value by value of the patch, in each channel by channel. */
    CHANNEL_LAST
  }

  /**
   * How many patches there are along each axis.
   *
   * @param frames along time
   * @param rows along the height
   * @param columns along the width
   */
  public record Patches(int frames, int rows, int columns) {}

  private int values() {
    return frames * rows * columns;
  }

  private int channelAxis() {
    return axes == Axes.CHANNELS_FIRST ? 1 : 2;
  }

  private int frameAxis() {
    return axes == Axes.CHANNELS_FIRST ? 2 : 1;
  }

  /** Channels of latents. */
  public int channels(INDArray latents) {
    return Math.toIntExact(latents.size(channelAxis()));
  }

  /**
   * How many patches latents have.
   *
   * @return null if they do not divide into patches, or have other than five axes
   */
  public Patches patches(INDArray latents) {
    if (latents.rank() != 5
        || latents.size(frameAxis()) % frames != 0
        || latents.size(3) % rows != 0
        || latents.size(4) % columns != 0) {
      return null;
    }
    return new Patches(
        (int) latents.size(frameAxis()) / frames,
        (int) latents.size(3) / rows,
        (int) latents.size(4) / columns);
  }

  /**
   * The values of each patch.
   *
   * @param latents that divide into patches
   * @return {@code [batch, tokens, channels · patch]}, a new tensor
   */
  public INDArray gather(INDArray latents, Order order) {
    Patches patches = patches(latents);
    int channels = channels(latents);
    long tokens = (long) patches.frames() * patches.rows() * patches.columns();
    INDArray out =
        Nd4j.createUninitialized(
            DataType.FLOAT, new long[] {latents.size(0), tokens, (long) channels * values()});
    copy(latents, out, new Copy(patches, channels, order, true));
    return out;
  }

  /**
   * Puts patches back in place.
   *
   * @param tokens {@code [batch, tokens, channels · patch]}
   * @return latents, a new tensor
   */
  public INDArray scatter(INDArray tokens, Patches patches, Order order) {
    int channels = Math.toIntExact(tokens.size(2) / values());
    long[] shape = {
      tokens.size(0),
      channels,
      channels,
      (long) patches.rows() * rows,
      (long) patches.columns() * columns
    };
    shape[frameAxis()] = (long) patches.frames() * frames;
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, shape);
    copy(out, tokens, new Copy(patches, channels, order, false));
    return out;
  }

  private record Copy(Patches patches, int channels, Order order, boolean toTokens) {}

  private void copy(INDArray latents, INDArray tokens, Copy copy) {
    int allRows = copy.patches().rows() * rows;
    int allColumns = copy.patches().columns() * columns;
    int allFrames = copy.patches().frames() * frames;
    MemorySegment latentMemory = NdMemory.view(latents);
    MemorySegment tokenMemory = NdMemory.view(tokens);
    IntStream.range(0, Math.toIntExact(latents.size(0)) * copy.channels() * allFrames)
        .parallel()
        .forEach(
            plane -> {
              boolean framesInner = axes == Axes.CHANNELS_FIRST;
              int inner = framesInner ? allFrames : copy.channels();
              int outer = framesInner ? copy.channels() : allFrames;
              int frame = framesInner ? plane % inner : plane / inner % outer;
              int channel = framesInner ? plane / inner % outer : plane % inner;
              int element = plane / inner / outer;
              for (int row = 0; row < allRows; row++) {
                for (int column = 0; column < allColumns; column++) {
                  long latent = ((long) plane * allRows + row) * allColumns + column;
                  long token = place(copy, element, frame, row, column, channel);
                  if (copy.toTokens()) {
                    tokenMemory.setAtIndex(
                        ValueLayout.JAVA_FLOAT,
                        token,
                        latentMemory.getAtIndex(ValueLayout.JAVA_FLOAT, latent));
                  } else {
                    latentMemory.setAtIndex(
                        ValueLayout.JAVA_FLOAT,
                        latent,
                        tokenMemory.getAtIndex(ValueLayout.JAVA_FLOAT, token));
                  }
                }
              }
            });
  }

  /** Where the tokens hold a latent value. */
  private long place(Copy copy, int element, int frame, int row, int column, int channel) {
    long token = (long) element * copy.patches().frames() + frame / frames;
    token = token * copy.patches().rows() + row / rows;
    token = token * copy.patches().columns() + column / columns;
    int inPatch = frame % frames;
    inPatch = inPatch * rows + row % rows;
    inPatch = inPatch * columns + column % columns;
    int inToken =
        copy.order() == Order.CHANNEL_FIRST
            ? channel * values() + inPatch
            : inPatch * copy.channels() + channel;
    return token * copy.channels() * values() + inToken;
  }
}
