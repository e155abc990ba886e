// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.tornado.Convolutions.Road;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;
import org.lvsa.kernels.tornado.DecoderStep.Outside;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Size;

/**
 * Convolutions without columns against sums in float64, over three latent frames, so that frames
 * that were kept count too. On a device with tensor cores, or the emulator of one.
 */
class ImplicitConvTest {
  private static final String NAME = "conv";

  /** A convolution whose result is there before one that adds to it. */
  private static final String BEFORE = "before";

  private static final int LATENT_FRAMES = 3;

  private final long seed = System.nanoTime() % 10_000_000;

  /** What each latent frame gave. */
  private record Run(List<float[]> inputs, List<float[]> results) {}

  @ParameterizedTest
  @Tag("gpu")
  @CsvSource({
    // in, out, kernel frames, side, scale, outside, rows, columns, frames, into, norm
    "32,96,3,3,1,ZEROS,7,5,2,REPLACE,true",
    "96,96,3,3,1,ZEROS,9,17,2,ADD,true",
    "64,128,3,3,1,ZEROS,5,7,4,REPLACE,true",
    "32,64,1,3,2,ZEROS,6,10,4,REPLACE,false",
    "64,32,1,3,2,ZEROS,10,14,1,REPLACE,false",
    "64,128,3,1,1,ZEROS,6,9,1,TWO_FRAMES,false",
    "96,3,3,3,1,ZEROS,6,11,4,REPLACE,true",
    "32,12,3,3,1,ZEROS,6,11,2,REPLACE,true",
    "32,40,3,3,1,ZEROS,3,4,2,ADD,true",
    "32,16,3,3,1,NEAREST,3,4,2,ADD,true",
    "32,8,3,3,1,NEAREST,4,1,1,REPLACE,false",
    "32,64,3,3,1,FIRST_FRAME,5,3,2,REPLACE,true"
  })
  void isTheSumOfWhatEachPixelSees(
      int in,
      int out,
      int kernelFrames,
      int side,
      int scale,
      Outside outside,
      int rows,
      int columns,
      int frames,
      Into into,
      boolean norm) {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "left out: no SDK");
    assumeTrue(TornadoTarget.chosen().tensorCores(), "left out: no CUDA device");
    Kernel kernel = new Kernel(in, out, kernelFrames, side, scale, outside);
    Conv conv =
        new Conv(
            NAME,
            norm ? Optional.of(new DecoderStep.Norm.OfPixels("norm")) : Optional.empty(),
            kernel,
            new Size(frames, rows, columns),
            Place.LATENTS,
            Place.FRAMES,
            into);
    Map<String, float[]> tensors = tensors(kernel);
    check(conv, tensors, run(conv, tensors));
  }

  /**
   * Tensors whose numbers are those of fp16 already, but the norm's, which are float32 there too.
   */
  private Map<String, float[]> tensors(Kernel kernel) {
    Map<String, float[]> all = new HashMap<>();
    float range = (float) Math.sqrt(3.0 / kernel.columns());
    for (String name : List.of(NAME, BEFORE)) {
      int salt = name.length();
      all.put(name + ".weight", random(kernel.out() * kernel.columns(), salt, range, true));
      all.put(name + ".bias", random(kernel.out(), 10 + salt, 1, true));
    }
    float[] gamma = random(kernel.in(), 1, 0.3f, false);
    for (int i = 0; i < gamma.length; i++) {
      gamma[i] += 1;
    }
    all.put("norm.gamma", gamma);
    return all;
  }

  private float[] random(int count, long salt, float range, boolean half) {
    SplittableRandom random = new SplittableRandom(seed + 1000 * salt);
    float[] all = new float[count];
    for (int i = 0; i < count; i++) {
      float value = (float) random.nextDouble(-range, range);
      all[i] = half ? Float.float16ToFloat(Float.floatToFloat16(value)) : value;
    }
    return all;
  }

  private Run run(Conv conv, Map<String, float[]> tensors) {
    HalfActivations halves = new HalfActivations();
    Convolutions implicit = Convolutions.of(Road.IMPLICIT);
    List<DecoderStep> steps = new ArrayList<>();
    if (conv.into() == Into.ADD) {
      steps.add(
          new Conv(
              BEFORE,
              conv.norm(),
              conv.kernel(),
              conv.size(),
              conv.from(),
              conv.to(),
              Into.REPLACE));
    }
    steps.add(conv);
    Run run = new Run(new ArrayList<>(), new ArrayList<>());
    try (DecoderPlan<?> plan = plan(steps, halves, implicit, tensors)) {
      plan.first();
      int size = plan.latents().getSize();
      for (int t = 0; t < LATENT_FRAMES; t++) {
        float[] input = random(size, 100 + t, 2, true);
        MemorySegment.copy(
            MemorySegment.ofArray(input), 0, plan.latents().getSegment(), 0, 4L * size);
        plan.run(DecoderState.of(DecoderSpeed.WAN, t == 0, 1));
        run.inputs().add(input);
        run.results().add(plan.frames().getSegment().toArray(ValueLayout.JAVA_FLOAT));
      }
    }
    return run;
  }

  private static DecoderPlan<?> plan(
      List<DecoderStep> steps,
      HalfActivations halves,
      Convolutions convolutions,
      Map<String, float[]> tensors) {
    return new DecoderPlan<>(
        steps,
        halves,
        DecoderTensors.read(steps, reader(tensors), halves, convolutions),
        convolutions,
        TornadoTarget.chosen());
  }

  private static DecoderWeights reader(Map<String, float[]> tensors) {
    return (name, to) ->
        MemorySegment.copy(MemorySegment.ofArray(tensors.get(name)), 0, to, 0, to.byteSize());
  }

  /** All frames that count, one behind the other, after the norm. */
  private static double[][] seen(Conv conv, Map<String, float[]> tensors, Run run) {
    int in = conv.kernel().in();
    int framePixels = Math.toIntExact(conv.seenPixels() / conv.size().frames());
    double[][] all = new double[1 + (LATENT_FRAMES - 1) * conv.size().frames()][];
    int at = 0;
    for (int t = 0; t < LATENT_FRAMES; t++) {
      for (int frame = 0; frame < (t == 0 ? 1 : conv.size().frames()); frame++) {
        double[] numbers = new double[framePixels * in];
        for (int pixel = 0; pixel < framePixels; pixel++) {
          normalise(
              conv,
              tensors,
              run.inputs().get(t),
              (frame * framePixels + pixel) * in,
              numbers,
              pixel * in);
        }
        all[at++] = numbers;
      }
    }
    return all;
  }

  private static void normalise(
      Conv conv, Map<String, float[]> tensors, float[] from, int first, double[] to, int at) {
    int in = conv.kernel().in();
    double squares = 0;
    for (int i = 0; i < in; i++) {
      squares += (double) from[first + i] * from[first + i];
    }
    double factor = Math.sqrt(in) / Math.sqrt(squares);
    for (int i = 0; i < in; i++) {
      double value = from[first + i];
      if (conv.norm().isPresent()) {
        value *= factor * tensors.get("norm.gamma")[i];
        value /= 1 + Math.exp(-value);
      }
      to[at + i] = Float.float16ToFloat(Float.floatToFloat16((float) value));
    }
  }

  private void check(Conv conv, Map<String, float[]> tensors, Run run) {
    double[][] seen = seen(conv, tensors, run);
    int framePixels = conv.size().framePixels();
    boolean doubles = conv.into() == Into.TWO_FRAMES;
    int out = conv.kernel().out();
    double worst = 0;
    double squares = 0;
    int count = 0;
    int first = 0;
    for (int t = 0; t < LATENT_FRAMES; t++) {
      int frames = t == 0 ? 1 : conv.size().frames();
      float[] result = run.results().get(t);
      for (int pixel = 0; pixel < frames * framePixels; pixel++) {
        for (int channel = 0; channel < out; channel++) {
          int at = pixel * out + channel;
          int frame = first + pixel / framePixels;
          double expected = sum(conv, NAME, tensors, seen, frame, pixel % framePixels, channel);
          if (doubles) {
            if (t == 0) {
              continue;
            }
            int half = out / 2;
            int to = 2 * (pixel / framePixels) + channel / half;
            at = (to * framePixels + pixel % framePixels) * half + channel % half;
          }
          if (conv.into() == Into.ADD) {
            expected += sum(conv, BEFORE, tensors, seen, frame, pixel % framePixels, channel);
          }
          worst = Math.max(worst, Math.abs(expected - result[at]));
          squares += expected * expected;
          count++;
        }
      }
      if (doubles && t == 0) {
        float[] input = run.inputs().getFirst();
        for (int i = 0; i < framePixels * conv.kernel().in(); i++) {
          assertEquals(input[i], result[i], "a video's first latent frame stays as it was");
        }
      }
      first += frames;
    }
    double size = Math.sqrt(squares / count);
    assertTrue(
        size > 0.1 && worst < 5e-3 * Math.max(1, size), worst + " of " + size + ", seed " + seed);
  }

  private static double sum(
      Conv conv,
      String name,
      Map<String, float[]> tensors,
      double[][] seen,
      int frame,
      int pixel,
      int channel) {
    Kernel kernel = conv.kernel();
    float[] weight = tensors.get(name + ".weight");
    int rows = conv.size().rows();
    int columns = conv.size().columns();
    double sum = tensors.get(name + ".bias")[channel];
    for (int tap = 0; tap < kernel.taps(); tap++) {
      int f = frame + tap / (kernel.side() * kernel.side()) - (kernel.frames() - 1);
      int row = pixel / columns + tap / kernel.side() % kernel.side() - kernel.side() / 2;
      int column = pixel % columns + tap % kernel.side() - kernel.side() / 2;
      if (kernel.outside() != Outside.ZEROS) {
        f = Math.max(f, 0);
      }
      if (kernel.outside() == Outside.NEAREST) {
        row = Math.clamp(row, 0, rows - 1);
        column = Math.clamp(column, 0, columns - 1);
      }
      // Where frames are doubled, a video's first latent frame is not seen: zeros stay in its
      // place.
      boolean before = f < 0 || conv.into() == Into.TWO_FRAMES && f == 0;
      if (before || row < 0 || row >= rows || column < 0 || column >= columns) {
        continue;
      }
      int at =
          (row / kernel.scale() * (columns / kernel.scale()) + column / kernel.scale())
              * kernel.in();
      for (int in = 0; in < kernel.in(); in++) {
        sum += seen[f][at + in] * weight[(channel * kernel.in() + in) * kernel.taps() + tap];
      }
    }
    return sum;
  }

  @Test
  void whatItTakesIsCountedWithoutColumns() {
    List<DecoderStep> steps = DecoderSteps.of(DecoderSpeed.WAN, 60, 104, 1);
    DecoderSizes columns = DecoderSizes.of(steps, Convolutions.WITH_COLUMNS);
    DecoderSizes implicit = DecoderSizes.of(steps, Convolutions.of(Road.IMPLICIT));
    assertTrue(columns.columns() > 100 * implicit.columns(), implicit.toString());
    assertTrue(implicit.bytes(2) < columns.bytes(2));
    assertEquals(columns.volumes(), implicit.volumes());
  }

  /** Every number of the weights is found where a work-group looks for it. */
  @Test
  void weightsLieInTheOrderOfSteps() {
    Kernel kernel = new Kernel(32, 12, 3, 3, 1);
    Conv conv =
        new Conv(
            NAME, Optional.empty(), kernel, new Size(1, 2, 2), Place.ONE, Place.TWO, Into.REPLACE);
    ImplicitConv its = ImplicitConv.of(conv).orElseThrow();
    assertEquals(16, its.width());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment rows = arena.allocate(16L * kernel.columns() * Float.BYTES, 64);
      for (int i = 0; i < 16 * kernel.columns(); i++) {
        rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, i + 1);
      }
      float[] ordered = its.weights(rows, arena).toArray(ValueLayout.JAVA_FLOAT);
      assertEquals(27 * 32 * 16, ordered.length);
      // Result channel 11, step 5, its 19th input: block 3 of the step, row 3, column 3.
      assertEquals(11 * 864 + 5 * 32 + 19 + 1, ordered[5 * 512 + 3 * 128 + 3 * 8 + 3]);
    }
  }

  @Test
  void whatIsNotOfWholeStepsKeepsItsColumns() {
    Conv narrow =
        new Conv(
            NAME,
            Optional.empty(),
            new Kernel(16, 96, 3, 3, 1),
            new Size(1, 2, 2),
            Place.ONE,
            Place.TWO,
            Into.REPLACE);
    assertTrue(ImplicitConv.of(narrow).isEmpty());
    long implicit =
        DecoderSteps.of(DecoderSpeed.WAN, 60, 104, 1).stream()
            .filter(step -> step instanceof Conv conv && ImplicitConv.of(conv).isPresent())
            .count();
    assertEquals(34, implicit, "all but conv_in and products as they lie");
  }
}
