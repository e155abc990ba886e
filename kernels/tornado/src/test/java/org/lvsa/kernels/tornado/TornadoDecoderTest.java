// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderShape.Stretch;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.decoder.HunyuanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape.Level;
import org.lvsa.kernels.decoder.WanDecoderShape.Up;
import org.lvsa.kernels.transformer.TransformerBackend;

/**
 * What is a decoder's own on a device. That it computes what published decoders do, recorded runs
 * say in toolkit/device.
 */
class TornadoDecoderTest {
  private static final int ROWS = 3;
  private static final int COLUMNS = 5;
  private static final FrameSize SIZE = new FrameSize(ROWS, COLUMNS);
  private static final FrameSize EDGE = new FrameSize(2, 4);

  private static final WanDecoderShape SHAPE =
      new WanDecoderShape(
          3,
          10,
          List.of(
              new Level(10, 1, Optional.of(new Up(3, true, false))),
              new Level(6, 2, Optional.of(new Up(6, false, true))),
              new Level(4, 1, Optional.empty())),
          3);

  private static TornadoDecoder<?> open(int mostColumns, long seed) {
    return new TornadoDecoder<>(
        SHAPE,
        (name, to) -> fill(to, seed + name.hashCode(), name.endsWith("gamma") ? 1 : 0),
        new FloatActivations(),
        new Convolutions(Convolutions.Road.COLUMNS, mostColumns),
        TornadoTarget.chosen());
  }

  private static void fill(MemorySegment to, long seed, float mean) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < to.byteSize() / Float.BYTES; i++) {
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, mean + (float) random.nextDouble(-0.3, 0.3));
    }
  }

  /** All frames of a video of three latent frames, one behind the other. */
  private static float[] decode(TornadoDecoder<?> decoder, FrameSize size, long seed) {
    int area = size.rows() * size.columns();
    int frame = area * SHAPE.scale() * SHAPE.scale() * SHAPE.outChannels();
    float[] all = new float[(1 + 2 * SHAPE.frames()) * frame];
    int at = 0;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment latents =
          arena.allocate((long) area * SHAPE.latentChannels() * Float.BYTES, 64);
      for (int t = 0; t < 3; t++) {
        fill(latents, seed + t, 0);
        MemorySegment frames =
            arena.allocate((t == 0 ? 1L : SHAPE.frames()) * frame * Float.BYTES, 64);
        decoder.decode(size, t == 0, latents, frames);
        float[] values = frames.toArray(ValueLayout.JAVA_FLOAT);
        System.arraycopy(values, 0, all, at, values.length);
        at += values.length;
      }
    }
    return all;
  }

  @Test
  @Tag("full")
  void piecesOfConvolutionsAndSizesInTurnGiveTheSameAndAVideoKnowsNothingOfTheLastOne() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    long seed = KernelConformance.random().nextInt(1 << 20);
    assertEquals(2, SHAPE.frames());
    assertEquals(4, SHAPE.scale());
    int before = DevicePlan.openPlans();
    DeviceMemoryUse use = new DeviceMemoryUse(TornadoTarget.chosen());
    long taken = use.bytes();
    try (TornadoDecoder<?> whole = open(1 << 20, seed);
        TornadoDecoder<?> pieces = open(27 * 10 * 22, seed)) {
      whole.prepare(List.of(SIZE), 3, Progress.NONE);
      float[] expected = decode(whole, SIZE, seed);
      double squares = 0;
      for (float value : expected) {
        squares += value * value;
      }
      assertTrue(squares > 0 && Double.isFinite(squares), "seed " + seed);
      decode(whole, SIZE, seed + 100);
      assertArrayEquals(expected, decode(whole, SIZE, seed), "seed " + seed);
      List<String> said = new ArrayList<>();
      Progress progress = (done, all, what) -> said.add(done + "/" + all + " " + what);
      pieces.prepare(List.of(SIZE, EDGE), 3, progress);
      assertEquals(5, said.size(), said.toString());
      assertEquals(
          List.of("0/2 VAE", "1/2 VAE", "2/2 ready"),
          List.of(said.get(0), said.get(2), said.get(4)),
          said.toString());
      assertEquals(before + 3, DevicePlan.openPlans());
      float[] edge = decode(pieces, EDGE, seed + 1);
      for (int turn = 0; turn < 2; turn++) {
        assertArrayEquals(expected, decode(pieces, SIZE, seed), 1e-6f, "seed " + seed);
        assertArrayEquals(edge, decode(pieces, EDGE, seed + 1), "seed " + seed);
        pieces.prepare(List.of(EDGE), 3, progress);
        assertEquals(5, said.size(), "sizes that are there are not prepared again");
      }
      assertThrows(
          IllegalStateException.class,
          () -> pieces.decode(new FrameSize(5, 3), true, MemorySegment.NULL, MemorySegment.NULL));
    }
    assertEquals(before, DevicePlan.openPlans());
    assertEquals(taken, use.bytes(), "device memory that is not given back");
  }

  @Test
  void memoryIsThatOfTheBuffers() {
    List<DecoderStep> steps = DecoderSteps.of(SHAPE, ROWS, COLUMNS, 3);
    DecoderSizes sizes = DecoderSizes.of(steps, new Convolutions(Convolutions.Road.COLUMNS, 1000));
    long last = 2L * ROWS * COLUMNS * 16;
    assertEquals(last * 3, sizes.volumes().get(DecoderStep.Place.FRAMES));
    assertEquals(ROWS * COLUMNS * 3L, sizes.volumes().get(DecoderStep.Place.LATENTS));
    assertEquals(2L * ROWS * COLUMNS * 4 * 3, sizes.volumes().get(DecoderStep.Place.BEGIN));
    assertEquals(9 * 10 * (1000 / 90), sizes.columns(), "the step to twice the rows");
    assertTrue(
        TornadoDecoder.bytes(SHAPE, List.of(SIZE), 3, Convolutions.WITH_COLUMNS, 4)
            > sizes.bytes(4));
    assertTrue(
        TornadoDecoder.bytes(SHAPE, List.of(SIZE, EDGE), 3, Convolutions.WITH_COLUMNS, 4)
            > TornadoDecoder.bytes(SHAPE, List.of(SIZE), 3, Convolutions.WITH_COLUMNS, 4),
        "each size has buffers of its own");
  }

  @Test
  void aFrameThatNoArrayHoldsIsToldBeforeAnythingIsAllocated() {
    FrameSize large = new FrameSize(270, 480);
    HunyuanDecoderShape hunyuan = DecoderSpeed.HUNYUAN;
    assertEquals(
        Optional.empty(),
        TornadoDecoder.unsupported(
            hunyuan, List.of(new FrameSize(45, 80)), 33, Convolutions.WITH_COLUMNS));
    assertEquals(
        Optional.of(
            "an array of the VAE has 16986931200 numbers for this video, an array there holds "
                + BlockWeights.MOST),
        TornadoDecoder.unsupported(hunyuan, List.of(large), 1, Convolutions.WITH_COLUMNS));
    FrameSize manyParts = new FrameSize(75, 130);
    assertEquals(
        Optional.of(
            "a convolution of the VAE has more parts for this video than a task graph holds"),
        TornadoDecoder.unsupported(hunyuan, List.of(manyParts), 1, Convolutions.WITH_COLUMNS));
    assertEquals(
        Optional.empty(),
        TornadoDecoder.unsupported(
            hunyuan, List.of(manyParts), 1, Convolutions.of(Convolutions.Road.IMPLICIT)));
  }

  /** fp16 goes without columns, whose pieces float32 has too many of. */
  @Test
  void whatADecoderCannotRunDependsOnTheType() {
    List<FrameSize> manyParts = List.of(new FrameSize(75, 130));
    for (TransformerBackend backend : List.of(new TornadoTransformers(), new CuDnnTransformers())) {
      assertEquals(
          Optional.of(
              "a convolution of the VAE has more parts for this video than a task graph holds"),
          backend.decoderUnsupported(DecoderSpeed.HUNYUAN, manyParts, 1, DType.F32));
      for (DType dtype : List.of(DType.F16, DType.BF16)) {
        assertEquals(
            Optional.empty(),
            backend.decoderUnsupported(DecoderSpeed.HUNYUAN, manyParts, 1, dtype));
      }
    }
  }

  /** Keys and values of a video lie in arrays for the frames that were told. */
  @Test
  @Tag("full")
  void aLongerVideoThanWasPreparedForIsRefused() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    HunyuanDecoderShape shape =
        new HunyuanDecoderShape(
            2, 4, List.of(new HunyuanDecoderShape.Level(4, 1, Optional.empty())), 3);
    FrameSize size = new FrameSize(2, 2);
    try (TornadoDecoder<?> decoder =
            new TornadoDecoder<>(
                shape,
                (name, to) -> fill(to, name.hashCode(), DecoderSpeed.mean(name)),
                new FloatActivations(),
                TornadoTarget.chosen());
        Arena arena = Arena.ofShared()) {
      decoder.prepare(List.of(size), 2, Progress.NONE);
      MemorySegment latents = arena.allocate(4L * 2 * Float.BYTES, 64);
      MemorySegment frames = arena.allocate(4L * 3 * Float.BYTES, 64);
      decoder.decode(size, true, latents, frames);
      decoder.decode(size, false, latents, frames);
      assertEquals(
          "the decoder is prepared for videos of 2 latent frames, this is another one",
          assertThrows(
                  IllegalStateException.class, () -> decoder.decode(size, false, latents, frames))
              .getMessage());
      decoder.decode(size, true, latents, frames);
    }
  }

  /** Stretches are those that the published decoder divides a video into. */
  @Test
  void stretchesAndDoubledFramesAreTheFamilys() {
    DecoderShape cog = DecoderSpeed.COGVIDEOX;
    assertEquals(
        List.of(new Stretch(3, 9), new Stretch(2, 8), new Stretch(2, 8)), cog.stretches(7));
    assertEquals(List.of(new Stretch(2, 8), new Stretch(2, 8)), cog.stretches(4));
    assertEquals(List.of(new Stretch(1, 1)), cog.stretches(1));
    assertEquals(List.of(3, 5, 9), DecoderState.of(cog, true, 3).counted().subList(0, 3));
    assertEquals(List.of(2, 4, 8), DecoderState.of(cog, false, 2).counted().subList(0, 3));
    DecoderShape hunyuan = DecoderSpeed.HUNYUAN;
    assertEquals(List.of(new Stretch(1, 1), new Stretch(1, 4)), hunyuan.stretches(2));
    assertEquals(List.of(1, 1, 1), DecoderState.of(hunyuan, true, 1).counted().subList(0, 3));
    assertEquals(List.of(1, 2, 4), DecoderState.of(hunyuan, false, 1).counted().subList(0, 3));
  }
}
