// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vae.LatentSize;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What pictures do to the latents that the transformer is given. */
sealed interface LatentCondition {
  /**
   * What the transformer is given in place of noisy latents.
   *
   * @param noisy {@code [batch, channels, frames, height, width]}, not changed
   * @return a new tensor, which the caller frees
   */
  INDArray input(INDArray noisy);

  /**
   * The time steps that the transformer is given.
   *
   * @param timestep the scheduler's
   * @param batch elements of the batch
   * @return one per batch element, or one per latent frame of each
   */
  float[] timesteps(float timestep, int batch);

  /** The clean latents, from what the scheduler gives after the last step. */
  float[] finish(float[] latents);

  /** No pictures. */
  record None() implements LatentCondition {
    @Override
    public INDArray input(INDArray noisy) {
      return noisy.dup('c');
    }

    @Override
    public float[] timesteps(float timestep, int batch) {
      float[] timesteps = new float[batch];
      Arrays.fill(timesteps, timestep);
      return timesteps;
    }

    @Override
    public float[] finish(float[] latents) {
      return latents;
    }
  }

  /**
   * More channels beside those of the latents, the same in every step.
   *
   * @param channels {@code [more channels, frames, height, width]} row-major
   */
  record Beside(float[] channels) implements LatentCondition {
    @Override
    public INDArray input(INDArray noisy) {
      int batch = (int) noisy.size(0);
      long perElement = noisy.length() / batch;
      long volume = perElement / noisy.size(1);
      long[] shape = noisy.shape().clone();
      shape[1] += channels.length / volume;
      INDArray out = Nd4j.createUninitialized(DataType.FLOAT, shape);
      MemorySegment from = NdMemory.view(noisy);
      MemorySegment to = NdMemory.view(out);
      long bytes = perElement * Float.BYTES;
      long at = 0;
      for (int element = 0; element < batch; element++) {
        MemorySegment.copy(from, element * bytes, to, at, bytes);
        at += bytes;
        MemorySegment.copy(channels, 0, to, ValueLayout.JAVA_FLOAT, at, channels.length);
        at += (long) channels.length * Float.BYTES;
      }
      return out;
    }

    @Override
    public float[] timesteps(float timestep, int batch) {
      return new None().timesteps(timestep, batch);
    }

    @Override
    public float[] finish(float[] latents) {
      return latents;
    }
  }

  /**
   * The first latent frame is given and clean: its time step is 0 in every step. The scheduler
   * changes it like the others, and what it makes of it is not used.
   *
   * @param size of the latents
   * @param frame {@code [channels, height, width]} row-major
   */
  record FirstFrame(LatentSize size, float[] frame) implements LatentCondition {
    @Override
    public INDArray input(INDArray noisy) {
      INDArray out = noisy.dup('c');
      MemorySegment to = NdMemory.view(out);
      int plane = size.height() * size.width();
      for (int element = 0; element < noisy.size(0); element++) {
        for (int channel = 0; channel < size.channels(); channel++) {
          long at = ((long) element * size.channels() + channel) * size.frames() * plane;
          MemorySegment.copy(
              frame, channel * plane, to, ValueLayout.JAVA_FLOAT, at * Float.BYTES, plane);
        }
      }
      return out;
    }

    @Override
    public float[] timesteps(float timestep, int batch) {
      float[] timesteps = new float[batch * size.frames()];
      Arrays.fill(timesteps, timestep);
      for (int element = 0; element < batch; element++) {
        timesteps[element * size.frames()] = 0;
      }
      return timesteps;
    }

    @Override
    public float[] finish(float[] latents) {
      float[] clean = latents.clone();
      int plane = size.height() * size.width();
      for (int channel = 0; channel < size.channels(); channel++) {
        System.arraycopy(frame, channel * plane, clean, channel * size.frames() * plane, plane);
      }
      return clean;
    }
  }
}
