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
import java.util.function.LongConsumer;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.decoder.CogVideoXDecoderShape;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.decoder.HunyuanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape.Level;
import org.lvsa.kernels.decoder.WanDecoderShape.Up;
import org.lvsa.kernels.tornado.Convolutions.Road;

/**
 * Times a decoder of published sizes with random weights, and compares fp16 with float32, and
 * convolutions with and without columns.
 *
 * <pre>{@code
 * DecoderSpeed ROWS COLUMNS LATENT_FRAMES DTYPE [ROAD [FAMILY]]
 * }</pre>
 *
 * where ROWS and COLUMNS are those of a latent frame, for 832x480 60 and 104, of HunyuanVideo 30
 * and 52; DTYPE {@code both} prints the relative difference between fp16 and float32; ROAD is
 * {@code columns}, {@code implicit}, or {@code both} for the one behind the other and their
 * relative difference, without it the one that a decoder takes where nobody names one; FAMILY is
 * {@code wan}, without it too, {@code hunyuan} or {@code cogvideox}.
 */
final class DecoderSpeed {
  /** Wan 2.1's decoder. */
  static final WanDecoderShape WAN =
      new WanDecoderShape(
          16,
          384,
          List.of(
              new Level(384, 3, Optional.of(new Up(192, true, false))),
              new Level(384, 3, Optional.of(new Up(192, true, false))),
              new Level(192, 3, Optional.of(new Up(96, false, false))),
              new Level(96, 3, Optional.empty())),
          3);

  /** HunyuanVideo 1.5's decoder. */
  static final HunyuanDecoderShape HUNYUAN =
      new HunyuanDecoderShape(
          32,
          1024,
          List.of(
              hunyuan(1024, Optional.of(new HunyuanDecoderShape.Up(1024, true))),
              hunyuan(1024, Optional.of(new HunyuanDecoderShape.Up(512, true))),
              hunyuan(512, Optional.of(new HunyuanDecoderShape.Up(256, false))),
              hunyuan(256, Optional.of(new HunyuanDecoderShape.Up(128, false))),
              hunyuan(128, Optional.empty())),
          3);

  private static HunyuanDecoderShape.Level hunyuan(
      int channels, Optional<HunyuanDecoderShape.Up> up) {
    return new HunyuanDecoderShape.Level(channels, 3, up);
  }

  /** CogVideoX's decoder. */
  static final CogVideoXDecoderShape COGVIDEOX =
      new CogVideoXDecoderShape(
          16,
          32,
          List.of(
              new CogVideoXDecoderShape.Level(512, 4, true),
              new CogVideoXDecoderShape.Level(256, 4, true),
              new CogVideoXDecoderShape.Level(256, 4, false),
              new CogVideoXDecoderShape.Level(128, 4, false)),
          3);

  private final DecoderShape shape;

  private DecoderSpeed(DecoderShape shape) {
    this.shape = shape;
  }

  public static void main(String[] args) {
    int rows = Integer.parseInt(args[0]);
    int columns = Integer.parseInt(args[1]);
    int frames = Integer.parseInt(args[2]);
    DecoderSpeed speed = new DecoderSpeed(shape(args.length < 6 ? "wan" : args[5]));
    Convolutions named =
        args.length < 5 || args[4].equals("both")
            ? Convolutions.of(
                args[3].equals("F32") ? new FloatActivations() : new HalfActivations())
            : Convolutions.of(Road.valueOf(args[4].toUpperCase(Locale.ROOT)));
    FrameSize size = new FrameSize(rows, columns);
    if (args[3].equals("both")) {
      float[] wide = speed.run(size, frames, DType.F32, Convolutions.WITH_COLUMNS);
      float[] narrow = speed.run(size, frames, DType.F16, named);
      System.out.printf(
          Locale.ROOT, "fp16 against float32: %.3g%n", HalfAccuracy.relative(wide, narrow));
    } else if (args.length > 4 && args[4].equals("both")) {
      DType dtype = DType.valueOf(args[3]);
      float[] with = speed.run(size, frames, dtype, Convolutions.of(Road.COLUMNS));
      float[] without = speed.run(size, frames, dtype, Convolutions.of(Road.IMPLICIT));
      System.out.printf(
          Locale.ROOT, "one against the other: %.3g%n", HalfAccuracy.relative(with, without));
    } else {
      speed.run(size, frames, DType.valueOf(args[3]), named);
    }
  }

  private static DecoderShape shape(String family) {
    return switch (family) {
      case "wan" -> WAN;
      case "hunyuan" -> HUNYUAN;
      case "cogvideox" -> COGVIDEOX;
      default -> throw new IllegalArgumentException("no family " + family);
    };
  }

  /** Decodes, and returns what the last stretch became. */
  private float[] run(FrameSize size, int frames, DType dtype, Convolutions convolutions) {
    DecoderActivations<?> activations =
        dtype == DType.F32 ? new FloatActivations() : new HalfActivations();
    System.out.printf(
        Locale.ROOT,
        "%s %s: %d MiB%n",
        dtype,
        convolutions.road(),
        TornadoDecoder.bytes(shape, List.of(size), frames, convolutions, activations.bytes())
            >> 20);
    long begun = System.nanoTime();
    try (DeviceDecoder decoder =
        new TornadoDecoder<>(
            shape, weights(shape), activations, convolutions, TornadoTarget.chosen())) {
      decoder.prepare(List.of(size), frames, (done, all, what) -> {});
      System.out.printf(Locale.ROOT, "ready after %.1f s%n", (System.nanoTime() - begun) / 1e9);
      long all = System.nanoTime();
      float[] last =
          decode(
              decoder,
              shape,
              size,
              frames,
              (t, latents) -> fill(latents, t, 3.4f, 0),
              nanos -> System.out.printf(Locale.ROOT, "%.1f ms%n", nanos / 1e6));
      System.out.printf(
          Locale.ROOT,
          "%d latent frames: %.2f s, %s on %s%n",
          frames,
          (System.nanoTime() - all) / 1e9,
          decoder.kernel(),
          decoder.device());
      return last;
    }
  }

  /** Writes the latent frames from one on. */
  interface Latents {
    void write(int first, MemorySegment latents);
  }

  /**
   * Decodes a video.
   *
   * @param latents are asked for latent frames
   * @param took is told the nanoseconds of each stretch
   * @return what the last stretch became
   */
  static float[] decode(
      DeviceDecoder decoder,
      DecoderShape shape,
      FrameSize size,
      int frames,
      Latents latents,
      LongConsumer took) {
    long area = (long) size.rows() * size.columns() * Float.BYTES;
    float[] last = {};
    int t = 0;
    for (DecoderShape.Stretch stretch : shape.stretches(frames)) {
      try (Arena arena = Arena.ofShared()) {
        MemorySegment in =
            arena.allocate(stretch.latentFrames() * area * shape.latentChannels(), 64);
        MemorySegment out =
            arena.allocate(
                stretch.frames() * area * shape.scale() * shape.scale() * shape.outChannels(), 64);
        latents.write(t, in);
        long one = System.nanoTime();
        decoder.decode(size, t == 0, in, out);
        took.accept(System.nanoTime() - one);
        last = out.toArray(ValueLayout.JAVA_FLOAT);
      }
      t += stretch.latentFrames();
    }
    return last;
  }

  /** Convolutions keep the size of what passes through them. */
  static DecoderWeights weights(DecoderShape shape) {
    Map<String, Integer> fanIn = new HashMap<>();
    for (DecoderStep step : DecoderSteps.of(shape, 1, 1, 1)) {
      if (step instanceof DecoderStep.Conv conv) {
        fanIn.put(conv.name() + ".weight", conv.kernel().columns());
      }
    }
    return (name, to) -> {
      float mean = mean(name);
      double range = Math.sqrt(12.0 / fanIn.getOrDefault(name, mean > 0 ? 1200 : 384));
      fill(to, name.hashCode(), (float) range, mean);
    };
  }

  /** The mean of a tensor: what a norm is multiplied with is about 1. */
  static float mean(String name) {
    boolean factor =
        name.endsWith("gamma")
            || name.endsWith("norm_layer.weight")
            || name.endsWith("conv_y.conv.bias");
    return factor ? 1 : 0;
  }

  private static void fill(MemorySegment to, long seed, float range, float mean) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < to.byteSize() / Float.BYTES; i++) {
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, mean + range * ((float) random.nextDouble() - 0.5f));
    }
  }
}
