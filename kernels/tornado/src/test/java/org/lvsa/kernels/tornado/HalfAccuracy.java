// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/**
 * Denoises with a random transformer in float32, in fp16 and in bf16, from the same noise in the
 * same Euler steps with guidance 5, and decodes all: prints the relative difference of the final
 * latents from float32's, and the PSNR of the frames.
 *
 * <pre>{@code
 * HalfAccuracy LAYERS HEADS FEED_FORWARD FRAMES ROWS COLUMNS STEPS BACKEND
 * }</pre>
 *
 * where ROWS and COLUMNS count patches of 16 pixels, and BACKEND, {@code tornado} or {@code cudnn},
 * is that of fp16; bf16 has {@code tornado}'s. Beside bf16 the decoder is fp16.
 */
final class HalfAccuracy {
  private static final float GUIDANCE = 5;

  private HalfAccuracy() {}

  public static void main(String[] args) {
    int[] n = Arrays.stream(args, 0, 7).mapToInt(Integer::parseInt).toArray();
    TransformerShape shape =
        RandomTransformer.shape(new BlockShape.Cross(true, false), n[0], n[1], 128, n[2], 16, 16);
    TransformerVideo video = new TransformerVideo(n[3], n[4], n[5], 512);
    TransformerBackend tornado = new TornadoTransformers();
    TransformerBackend half = args[7].equals("cudnn") ? new CuDnnTransformers() : tornado;
    float[] wide = denoise(tornado, shape, video, DType.F32, n[6]);
    float[] wideFrames = decode(wide, video, DType.F32);
    for (DType dtype : List.of(DType.F16, DType.BF16)) {
      float[] narrow = denoise(dtype == DType.F16 ? half : tornado, shape, video, dtype, n[6]);
      System.out.printf(
          Locale.ROOT, "final latents, %s against float32: %.3g%n", dtype, relative(wide, narrow));
      System.out.printf(
          Locale.ROOT,
          "frames: PSNR %.1f dB (pixels from -1 to 1, rms %.3f)%n",
          20 * Math.log10(2 / rms(wideFrames, decode(narrow, video, dtype))),
          rms(wideFrames));
    }
  }

  /** The relative difference, root mean square. */
  static double relative(float[] expected, float[] actual) {
    return rms(expected, actual) / rms(expected);
  }

  private static double rms(float[] a) {
    return rms(a, new float[a.length]);
  }

  private static double rms(float[] a, float[] b) {
    double squares = 0;
    for (int i = 0; i < a.length; i++) {
      squares += Math.pow(a[i] - b[i], 2);
    }
    return Math.sqrt(squares / a.length);
  }

  private static float[] denoise(
      TransformerBackend backend,
      TransformerShape shape,
      TransformerVideo video,
      DType dtype,
      int steps) {
    try (DeviceTransformer transformer =
            backend.open(
                shape,
                RandomTransformer.weights(0),
                new TransformerBackend.Storage(dtype, TransformerBackend.Residence.ALL_BLOCKS),
                KernelOptions.DEFAULT);
        Arena arena = Arena.ofShared()) {
      BlockSparseLayout dense = BlockSparseLayout.dense(video.frames());
      Forward told = RandomTransformer.forward(arena, shape, video, dense, 0);
      Forward untold = RandomTransformer.forward(arena, shape, video, dense, 50);
      MemorySegment latents = told.latents();
      MemorySegment with = arena.allocate(latents.byteSize(), 64);
      MemorySegment without = arena.allocate(latents.byteSize(), 64);
      for (int step = 0; step < steps; step++) {
        transformer.predict(told, with);
        transformer.predict(withLatents(untold, latents), without);
        for (long i = 0; i < latents.byteSize() / Float.BYTES; i++) {
          float base = without.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          float velocity = base + GUIDANCE * (with.getAtIndex(ValueLayout.JAVA_FLOAT, i) - base);
          float value = latents.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          latents.setAtIndex(ValueLayout.JAVA_FLOAT, i, value - velocity / steps);
        }
      }
      return latents.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private static Forward withLatents(Forward forward, MemorySegment latents) {
    return new Forward(
        forward.video(),
        latents,
        forward.text(),
        forward.pictures(),
        forward.time(),
        forward.headTime(),
        forward.turns(),
        forward.layout());
  }

  /** The pixels of all frames, cut off at −1 and 1. */
  private static float[] decode(float[] latents, TransformerVideo video, DType dtype) {
    int rows = 2 * video.rows();
    int columns = 2 * video.columns();
    int area = rows * columns;
    int frame = area * 64 * 3;
    float[] all = new float[(1 + 4 * (video.frames() - 1)) * frame];
    try (DeviceDecoder decoder =
            new TornadoTransformers()
                .openDecoder(
                    DecoderSpeed.WAN,
                    DecoderSpeed.weights(DecoderSpeed.WAN),
                    dtype,
                    KernelOptions.DEFAULT);
        Arena arena = Arena.ofShared()) {
      FrameSize size = new FrameSize(rows, columns);
      decoder.prepare(List.of(size), video.frames(), Progress.NONE);
      MemorySegment latent = arena.allocate(area * 16L * Float.BYTES, 64);
      int at = 0;
      for (int t = 0; t < video.frames(); t++) {
        for (int channel = 0; channel < 16; channel++) {
          for (int pixel = 0; pixel < area; pixel++) {
            latent.setAtIndex(
                ValueLayout.JAVA_FLOAT,
                pixel * 16L + channel,
                latents[(channel * video.frames() + t) * area + pixel]);
          }
        }
        MemorySegment frames = arena.allocate((t == 0 ? 1L : 4L) * frame * Float.BYTES, 64);
        decoder.decode(size, t == 0, latent, frames);
        for (float value : frames.toArray(ValueLayout.JAVA_FLOAT)) {
          all[at++] = Math.clamp(value, -1f, 1f);
        }
      }
    }
    return all;
  }
}
