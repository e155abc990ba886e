// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.tornado.TornadoTransformers;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.pipeline.DenoisingLoop.Branch;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.TransformerOnDevice;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * CogVideoX transformers of odd sizes and random weights, on a device in float32 and on the CPU.
 */
@Tag("full")
class DeviceCogVideoSizesTest {
  private static final int LAYERS = 3;
  private static final int FRAMES = 4;
  private static final int TEXT_TOKENS = 7;
  private static final int TEXT_WIDTH = 24;
  private static final int IN = 3;
  private static final int OUT = 5;

  private final long seed = System.nanoTime() % 1_000_000;
  private final SplittableRandom random = new SplittableRandom(seed);

  private static CogVideoXConfig config(
      int headDim, boolean rotary, int patchFrames, boolean biases) {
    return new CogVideoXConfig(
        LAYERS,
        3,
        headDim,
        20,
        new CogVideoXConfig.Text(TEXT_WIDTH, TEXT_TOKENS),
        new CogVideoXConfig.Channels(IN, OUT),
        new CogVideoXConfig.Patch(patchFrames, 2, patchFrames > 1),
        new CogVideoXConfig.Sample(49, 12, 20, 4),
        rotary
            ? new CogVideoXConfig.Positions.Rotary()
            : new CogVideoXConfig.Positions.Sines(1.875, 1),
        new CogVideoXConfig.Biases(biases, biases),
        1e-5);
  }

  private INDArray numbers(long... shape) {
    float[] values = new float[Math.toIntExact(Nd4j.createUninitialized(shape).length())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble(-1.7, 1.7);
    }
    return Nd4j.createFromArray(values).reshape(shape);
  }

  private static GenerationAttention attention(String name, int frames) {
    return new GenerationAttention(
        new GenerationAttention.Settings(
            TestConfig.of(
                Map.of(
                    "DIFFUSION_ATTENTION_BACKEND", name,
                    "LVSA_REFERENCE_LATENT_FRAMES", "2",
                    "LVSA_WINDOW_SIZE", "0",
                    "LVSA_STRICT", "1")),
            StepCounting.EXAMPLES,
            KernelOptions.DEFAULT,
            Optional.empty()),
        new VideoPipeline.AttendedVideo(
            "cogvideox",
            frames,
            new VideoPipeline.Hook("CogVideoXAttention", LAYERS, Optional.empty())),
        LineLog.none());
  }

  private static float[] predict(
      CogVideoXTransformer transformer, String name, int frames, INDArray latents, INDArray text) {
    try (GenerationAttention attention = attention(name, frames)) {
      attention.begin(0, 640, List.of(Branch.COND, Branch.UNCOND));
      try (INDArray out = transformer.predict(latents, 640, text, attention)) {
        assertArrayEquals(
            new long[] {2, latents.size(1), OUT, latents.size(3), latents.size(4)}, out.shape());
        double density = attention.report().density();
        assertEquals(name.equals("SDPA"), density == 1, "density " + density);
        return NdMemory.floats(out);
      }
    }
  }

  private static CogVideoXTransformer onDevice(CogVideoXConfig config, Residence residence) {
    CogVideoXTransformer transformer = CogVideoXTransformer.randomWeights(config, 7);
    DeviceChoice choice =
        new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT).with(residence);
    transformer.onDevice(new TransformerOnDevice.Placing(choice, Progress.NONE));
    return transformer;
  }

  /**
   * Odd grids of 3 by 5 patches; a batch of two texts; layers without a bias; patches over time.
   */
  @ParameterizedTest
  @CsvSource({"16,true,1,true", "48,false,1,true", "80,true,1,false", "16,true,2,false"})
  void aBatchIsPredictedAsOnTheCpu(int headDim, boolean rotary, int patchFrames, boolean biases) {
    assumeTrue(
        new TornadoTransformers().availability() instanceof Availability.Available,
        "no device here");
    CogVideoXConfig config = config(headDim, rotary, patchFrames, biases);
    try (CogVideoXTransformer cpu = CogVideoXTransformer.randomWeights(config, 7);
        CogVideoXTransformer resident = onDevice(config, Residence.ALL_BLOCKS);
        CogVideoXTransformer offloaded = onDevice(config, Residence.TWO_BLOCKS);
        INDArray latents = numbers(2, FRAMES * patchFrames, IN, 6, 10);
        INDArray text = numbers(2, TEXT_TOKENS, TEXT_WIDTH)) {
      for (String name : List.of("SDPA", "LVSA")) {
        float[] expected = predict(cpu, name, FRAMES, latents, text);
        float[] actual = predict(resident, name, FRAMES, latents, text);
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
          difference += Math.pow((double) expected[i] - actual[i], 2);
          size += Math.pow(expected[i], 2);
        }
        double relative = Math.sqrt(difference / size);
        assertTrue(relative <= 2e-5, name + ", seed " + seed + ": " + relative);
        assertArrayEquals(actual, predict(offloaded, name, FRAMES, latents, text), "seed " + seed);
      }
    }
  }
}
