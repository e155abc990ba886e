// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.vae.LatentSize;

/** The noise that a video is made from. */
public sealed interface StartingLatents {
  /**
   * The latents to begin with, of that shape.
   *
   * @throws MalformedFileException if a file does not hold latents of that shape
   */
  float[] of(LatentSize shape);

  /** What tells these latents from others: the seed, or a hash of the values. */
  String identity(LatentSize shape);

  /** The seed of noise that is drawn on the way. */
  long seed();

  /**
   * Noise of a seed, the same on every machine.
   *
   * @param seed any number
   */
  record Seed(long seed) implements StartingLatents {
    @Override
    public float[] of(LatentSize shape) {
      return Noise.normal(seed, shape.elements());
    }

    @Override
    public String identity(LatentSize shape) {
      return "seed " + seed;
    }
  }

  /**
   * A safetensors file with the tensor {@code latents}, else {@code latents_init}.
   *
   * @param file where it is
   * @param seed of noise that is drawn on the way
   */
  record Given(Path file, long seed) implements StartingLatents {
    /** With the seed 0. */
    public Given(Path file) {
      this(file, 0);
    }

    @Override
    public float[] of(LatentSize shape) {
      try (Arena arena = Arena.ofConfined()) {
        Safetensors tensors = Safetensors.open(file, arena);
        String name = tensors.names().contains("latents") ? "latents" : "latents_init";
        return LatentTensors.read(tensors, name, shape);
      }
    }

    @Override
    public String identity(LatentSize shape) {
      return "latents " + Fingerprint.of(of(shape)) + ", seed " + seed;
    }
  }
}
