// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.CogVideoXDecoderShape;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.decoder.HunyuanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape.Level;
import org.lvsa.kernels.decoder.WanDecoderShape.Up;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/**
 * Whole transformers and decoders in 16 bits against the same ones in float32, on a device with
 * tensor cores and the library tasks, or on the emulator of one.
 */
@Tag("gpu")
class HalfTransformerTest {
  private static final int FRAMES = 4;

  private final long seed = System.nanoTime() % 10_000_000;

  private static TransformerBackend backend(String name) {
    TornadoTransformers tornado = new TornadoTransformers();
    assumeTrue(tornado.availability() instanceof Availability.Available, "no device here");
    TransformerShape shape = shape(false);
    Optional<String> why = tornado.unsupported(shape, DType.F16, KernelOptions.DEFAULT);
    assumeTrue(why.isEmpty(), () -> why.orElse(""));
    return name.equals("cudnn") ? new CuDnnTransformers() : tornado;
  }

  /** With pictures or without. */
  private static TransformerShape shape(boolean pictures) {
    BlockShape blocks = new BlockShape.Cross(pictures, pictures);
    return RandomTransformer.shape(blocks, 2, 2, 128, 200, 3, 2);
  }

  /** The error that a type's rounding leaves in two blocks: some times what was measured. */
  private static double allowed(DType dtype) {
    return dtype == DType.F16 ? 2e-3 : 2e-2;
  }

  @ParameterizedTest
  @CsvSource({
    "F16, tornado, false, ALL_BLOCKS",
    "F16, tornado, true, TWO_BLOCKS",
    "F16, cudnn, true, ALL_BLOCKS",
    "BF16, tornado, true, ALL_BLOCKS",
    "BF16, tornado, false, TWO_BLOCKS",
  })
  void aTransformerIsCloseToFloat32(
      DType dtype, String name, boolean pictures, Residence residence) {
    TransformerVideo video =
        new TransformerVideo(FRAMES, 5, 7, new TransformerVideo.Told(9, pictures ? 3 : 0, 1));
    isCloseToFloat32(shape(pictures), video, name, new Storage(dtype, residence));
  }

  /** Text and video are one stream of heads of 64. */
  @ParameterizedTest
  @CsvSource({"F16, ALL_BLOCKS", "F16, TWO_BLOCKS", "BF16, ALL_BLOCKS"})
  void aTransformerWhoseTextSharesTheLayersIsCloseToFloat32(DType dtype, Residence residence) {
    TransformerShape shape =
        RandomTransformer.shape(new BlockShape.Shared(40, false), 2, 2, 64, 200, 3, 2);
    TransformerVideo video = new TransformerVideo(FRAMES, 5, 7, 9);
    isCloseToFloat32(shape, video, "tornado", new Storage(dtype, residence));
  }

  /** Room for more text than there is, by more than a tile of keys, and by less. */
  @ParameterizedTest
  @CsvSource({"F16, 70, ALL_BLOCKS", "F16, 11, TWO_BLOCKS", "BF16, 11, ALL_BLOCKS"})
  void aTransformerWhoseTextHasItsOwnLayersIsCloseToFloat32(
      DType dtype, int room, Residence residence) {
    TransformerShape shape = RandomTransformer.shape(new BlockShape.Joint(), 2, 2, 128, 200, 3, 2);
    TransformerVideo video = new TransformerVideo(FRAMES, 5, 7, room);
    isCloseToFloat32(shape, video, "tornado", new Storage(dtype, residence));
  }

  private void isCloseToFloat32(
      TransformerShape shape, TransformerVideo video, String name, Storage storage) {
    TransformerBackend backend = backend(name);
    DType dtype = storage.dtype();
    DeviceMemoryUse use = new DeviceMemoryUse(TornadoTarget.chosen());
    long before = use.bytes();
    try (DeviceTransformer wide =
            open(new TornadoTransformers(), shape, new Storage(DType.F32, storage.residence()));
        DeviceTransformer narrow = open(backend, shape, storage)) {
      // Frames that attend to two and to three others.
      BlockSparseLayout sparse =
          BlockSparseLayout.of(
              FRAMES, new int[] {0, 2, 5, 8, 10}, new int[] {0, 1, 0, 1, 2, 0, 2, 3, 0, 3});
      for (BlockSparseLayout layout : List.of(BlockSparseLayout.dense(FRAMES), sparse)) {
        float[] expected = predict(wide, shape, video, layout);
        float[] got = predict(narrow, shape, video, layout);
        double error = HalfAccuracy.relative(expected, got);
        System.out.printf("%s %s %s: %.3g%n", dtype, name, layout, error);
        assertTrue(error < allowed(dtype), layout + ", seed " + seed + ": " + error);
      }
    }
    assertEquals(before, use.bytes(), "device memory that is not given back");
  }

  private DeviceTransformer open(
      TransformerBackend backend, TransformerShape shape, Storage storage) {
    return backend.open(shape, RandomTransformer.weights(seed), storage, KernelOptions.DEFAULT);
  }

  private float[] predict(
      DeviceTransformer transformer,
      TransformerShape shape,
      TransformerVideo video,
      BlockSparseLayout layout) {
    try (Arena arena = Arena.ofShared()) {
      long numbers = (long) video.tokens() * shape.patch().outChannels() * shape.patch().size();
      MemorySegment out = arena.allocate(numbers * Float.BYTES, 64);
      Forward all = RandomTransformer.forward(arena, shape, video, layout, seed);
      boolean fewer = shape.blocks() instanceof BlockShape.Joint;
      transformer.predict(fewer ? withText(all, 9) : all, out);
      return out.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /** With fewer tokens of the text than there is room for. */
  private static Forward withText(Forward all, int tokens) {
    long bytes = all.text().byteSize() / all.video().told().textTokens() * tokens;
    return new Forward(
        all.video(),
        all.latents(),
        all.text().asSlice(0, bytes),
        all.pictures(),
        all.time(),
        all.headTime(),
        all.turns(),
        all.layout());
  }

  static Stream<DecoderShape> decoders() {
    return Stream.of(
        new WanDecoderShape(
            4,
            12,
            List.of(
                new Level(12, 1, Optional.of(new Up(6, true, false))),
                new Level(8, 1, Optional.of(new Up(4, false, false))),
                new Level(4, 1, Optional.empty())),
            3),
        new HunyuanDecoderShape(
            4,
            16,
            List.of(
                new HunyuanDecoderShape.Level(
                    16, 1, Optional.of(new HunyuanDecoderShape.Up(8, true))),
                new HunyuanDecoderShape.Level(
                    8, 1, Optional.of(new HunyuanDecoderShape.Up(4, false))),
                new HunyuanDecoderShape.Level(4, 1, Optional.empty())),
            3),
        new CogVideoXDecoderShape(
            4,
            2,
            List.of(
                new CogVideoXDecoderShape.Level(12, 1, true),
                new CogVideoXDecoderShape.Level(8, 1, false),
                new CogVideoXDecoderShape.Level(4, 1, false)),
            3));
  }

  @ParameterizedTest
  @MethodSource("decoders")
  void aDecoderIsCloseToFloat32(DecoderShape shape) {
    TornadoTransformers backend = (TornadoTransformers) backend("tornado");
    float[] expected = decode(backend, shape, DType.F32);
    double error = HalfAccuracy.relative(expected, decode(backend, shape, DType.F16));
    System.out.printf("%s F16: %.3g%n", shape.getClass().getSimpleName(), error);
    assertTrue(error < 1e-2, "seed " + seed + ": " + error);
  }

  /** What the last latent frames of a video of five become. */
  private float[] decode(TornadoTransformers backend, DecoderShape shape, DType dtype) {
    FrameSize size = new FrameSize(3, 5);
    try (DeviceDecoder decoder =
        backend.openDecoder(
            shape,
            (name, to) -> fill(to, seed + name.hashCode(), DecoderSpeed.mean(name)),
            dtype,
            KernelOptions.DEFAULT)) {
      decoder.prepare(List.of(size), 5, Progress.NONE);
      return DecoderSpeed.decode(
          decoder, shape, size, 5, (t, latents) -> fill(latents, seed + t, 0), nanos -> {});
    }
  }

  private static void fill(MemorySegment to, long seed, float mean) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < to.byteSize() / Float.BYTES; i++) {
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, mean + (float) random.nextDouble(-0.3, 0.3));
    }
  }
}
