// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderShape.Level;
import org.lvsa.kernels.decoder.DecoderShape.Up;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.tornado.Convolutions.Road;

/**
 * Times the decoder of Wan 2.1's sizes with random weights, and compares fp16 with float32, and
 * convolutions with and without columns.
 *
 * <pre>{@code
 * DecoderSpeed ROWS COLUMNS LATENT_FRAMES DTYPE [ROAD]
 * }</pre>
 *
 * where ROWS and COLUMNS are those of a latent frame, 60 and 104 for 832x480, DTYPE {@code both}
 * prints the relative difference between fp16 and float32, and ROAD is {@code columns}, {@code
 * implicit}, or {@code both} for the one behind the other and their relative difference; without it
 * the one that a decoder takes where nobody names one.
 */
final class DecoderSpeed {
  /** Wan 2.1's decoder. */
  static final DecoderShape WAN =
      new DecoderShape(
          16,
          384,
          List.of(
              new Level(384, 3, Optional.of(new Up(192, true, false))),
              new Level(384, 3, Optional.of(new Up(192, true, false))),
              new Level(192, 3, Optional.of(new Up(96, false, false))),
              new Level(96, 3, Optional.empty())),
          3);

  private DecoderSpeed() {}

  public static void main(String[] args) {
    int rows = Integer.parseInt(args[0]);
    int columns = Integer.parseInt(args[1]);
    int frames = Integer.parseInt(args[2]);
    Convolutions named =
        args.length < 5 || args[4].equals("both")
            ? Convolutions.DEFAULT
            : Convolutions.of(Road.valueOf(args[4].toUpperCase(Locale.ROOT)));
    FrameSize size = new FrameSize(rows, columns);
    if (args[3].equals("both")) {
      float[] wide = run(size, frames, DType.F32, Convolutions.DEFAULT);
      float[] narrow = run(size, frames, DType.F16, named);
      System.out.printf(
          Locale.ROOT, "fp16 against float32: %.3g%n", HalfAccuracy.relative(wide, narrow));
    } else if (args.length > 4 && args[4].equals("both")) {
      DType dtype = DType.valueOf(args[3]);
      float[] with = run(size, frames, dtype, Convolutions.of(Road.COLUMNS));
      float[] without = run(size, frames, dtype, Convolutions.of(Road.IMPLICIT));
      System.out.printf(
          Locale.ROOT, "one against the other: %.3g%n", HalfAccuracy.relative(with, without));
    } else {
      run(size, frames, DType.valueOf(args[3]), named);
    }
  }

  /** Decodes, and returns what the last latent frame became. */
  private static float[] run(FrameSize size, int frames, DType dtype, Convolutions convolutions) {
    DecoderActivations<?> activations =
        dtype == DType.F32 ? new FloatActivations() : new HalfActivations();
    System.out.printf(
        Locale.ROOT,
        "%s %s: %d MiB%n",
        dtype,
        convolutions.road(),
        TornadoDecoder.bytes(WAN, List.of(size), convolutions, activations.bytes()) >> 20);
    long begun = System.nanoTime();
    try (DeviceDecoder decoder =
            new TornadoDecoder<>(
                WAN, weights(), activations, convolutions, TornadoTarget.chosen());
        Arena arena = Arena.ofShared()) {
      decoder.prepare(List.of(size), (done, all, what) -> {});
      System.out.printf(Locale.ROOT, "ready after %.1f s%n", (System.nanoTime() - begun) / 1e9);
      long pixels = (long) size.rows() * size.columns();
      MemorySegment latents = arena.allocate(pixels * WAN.latentChannels() * Float.BYTES, 64);
      long area = pixels * WAN.scale() * WAN.scale() * WAN.outChannels() * Float.BYTES;
      MemorySegment out = arena.allocate(WAN.frames() * area, 64);
      long all = System.nanoTime();
      for (int t = 0; t < frames; t++) {
        fill(latents, t, 3.4f, 0);
        long one = System.nanoTime();
        decoder.decode(size, t == 0, latents, t == 0 ? out.asSlice(0, area) : out);
        System.out.printf(Locale.ROOT, "%.1f ms%n", (System.nanoTime() - one) / 1e6);
      }
      System.out.printf(
          Locale.ROOT,
          "%d latent frames: %.2f s, %s on %s%n",
          frames,
          (System.nanoTime() - all) / 1e9,
          decoder.kernel(),
          decoder.device());
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /** Convolutions keep the size of what passes through them. */
  static DecoderWeights weights() {
    Map<String, Integer> fanIn = new HashMap<>();
    for (DecoderStep step : DecoderSteps.of(WAN, 1, 1)) {
      if (step instanceof DecoderStep.Conv conv) {
        fanIn.put(conv.name() + ".weight", conv.kernel().columns());
      }
    }
    return (name, to) -> {
      boolean gamma = name.endsWith("gamma");
      double range = Math.sqrt(12.0 / fanIn.getOrDefault(name, gamma ? 1200 : WAN.channels()));
      fill(to, name.hashCode(), (float) range, gamma ? 1 : 0);
    };
  }

  private static void fill(MemorySegment to, long seed, float range, float mean) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < to.byteSize() / Float.BYTES; i++) {
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, mean + range * ((float) random.nextDouble() - 0.5f));
    }
  }
}
