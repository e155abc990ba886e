// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.BitSet;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.toolkit.blocks.Tokens;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The stream of tokens of a transformer on a device, and the copies that a step cache keeps of it
 * there, from one forward pass to the next. Nothing of them comes to the host but sums.
 */
final class DeviceStreams {
  private final int kept;
  private final long elements;
  private final BitSet taken = new BitSet();
  private BlockLoop.Pass pass;

  /**
   * @param kept copies for which there is room
   * @param elements numbers of the stream
   */
  DeviceStreams(int kept, long elements) {
    this.kept = kept;
    this.elements = elements;
  }

  /** A forward pass begins; gives its stream. */
  Tokens begin(BlockLoop.Pass next) {
    pass = next;
    return new OnDevice(BlockLoop.Pass.STREAM);
  }

  private OnDevice take() {
    int free = taken.nextClearBit(BlockLoop.Pass.STREAM + 1);
    if (free > kept) {
      throw new IllegalStateException(
          "a step cache keeps more than the " + kept + " copies that it announced");
    }
    taken.set(free);
    return new OnDevice(free);
  }

  private final class OnDevice implements Tokens {
    private final int buffer;

    OnDevice(int buffer) {
      this.buffer = buffer;
    }

    private static int of(Tokens other) {
      return ((OnDevice) other).buffer;
    }

    @Override
    public boolean isLike(Tokens other) {
      return true;
    }

    @Override
    public long elements() {
      return elements;
    }

    @Override
    public Tokens copy() {
      OnDevice copy = take();
      pass.combine(copy.buffer, 0, buffer, 1);
      return copy;
    }

    @Override
    public void becomeGain(Tokens after) {
      pass.combine(buffer, -1, of(after), 1);
    }

    @Override
    public void becomeSlope(Tokens earlier, int steps) {
      pass.combine(buffer, 1f / steps, of(earlier), -1f / steps);
    }

    @Override
    public void add(float factor, Tokens other) {
      pass.combine(buffer, 1, of(other), factor);
    }

    @Override
    public Changes changes(Tokens now, int every) {
      float[] sums = pass.changes(buffer, of(now), every);
      int tokens = sums.length / 2;
      double[] difference = new double[tokens];
      double[] size = new double[tokens];
      for (int token = 0; token < tokens; token++) {
        difference[token] = sums[token];
        size[token] = sums[tokens + token];
      }
      return new Changes(difference, size);
    }

    @Override
    public double[] squares() {
      float[] sums = pass.squares(buffer);
      double[] squares = new double[sums.length];
      for (int token = 0; token < sums.length; token++) {
        squares[token] = sums[token];
      }
      return squares;
    }

    @Override
    public INDArray toArray() {
      throw new IllegalArgumentException(
          "a step cache on a device is not saved: leave --save-every, or --transformer device,"
              + " out");
    }

    @Override
    public void close() {
      taken.clear(buffer);
    }
  }
}
