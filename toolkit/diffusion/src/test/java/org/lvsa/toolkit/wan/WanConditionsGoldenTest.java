// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The transformer with tokens of pictures, and with a time step for each latent frame, against
 * every value that the published one recorded on its way, and its predictions of every step.
 */
class WanConditionsGoldenTest {
  private static final double BEHIND_TIME = 1e-4;

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "wan_i2v/i2v,wan_i2v/model/transformer",
    "wan_i2v/flf,wan_i2v/transformer_flf",
    "wan22/ti2v5b/t2v,wan22/ti2v5b/model/transformer",
    "wan22/ti2v5b/i2v,wan22/ti2v5b/model/transformer"
  })
  void valuesOfTheFirstStepAndPredictionsOfAllStepsEqualTheRecordedOnes(
      String name, String component) throws IOException {
    GoldenRun run = GoldenRun.open(name);
    Path folder = GoldenRun.component(component, directory);
    Set<String> compared = new TreeSet<>();
    try (WanTransformer transformer = WanTransformer.open(ComponentFiles.in(folder), false);
        DenseAttention attention = new DenseAttention()) {
      String prefix = "s0.cond.";
      Observer observer =
          (what, value) -> {
            if (run.holds(prefix + what)) {
              WanGoldenTest.compare(run, prefix + what, perToken(run, prefix + what, value.get()));
              compared.add(prefix + what);
            }
          };
      float[] timesteps = run.floatsOrInts("scheduler.timesteps");
      for (int step = 0; step < timesteps.length; step++) {
        INDArray latents = latents(run, step);
        for (String branch : new String[] {"cond", "uncond"}) {
          boolean cond = branch.equals("cond");
          INDArray out =
              transformer.predict(
                  new WanTransformer.Input(
                      latents,
                      timesteps(run, latents, timesteps[step]),
                      WanGoldenTest.embeddings(
                          run, cond ? "prompt_embeds" : "negative_prompt_embeds"),
                      image(run)),
                  attention,
                  step == 0 && cond ? observer : Observer.NONE);
          run.checkAtLeast(
              "step" + step + "." + branch + ".pred", NdMemory.floats(out), BEHIND_TIME);
        }
      }
    }
    assertEquals(
        run.names().stream()
            .filter(tensor -> tensor.startsWith("s0.") && !tensor.contains(".in."))
            .collect(Collectors.toCollection(TreeSet::new)),
        compared);
  }

  /** What depends on the time step is recorded for each token and computed for each frame. */
  private static INDArray perToken(GoldenRun run, String name, INDArray value) {
    float[] rows = NdMemory.floats(value);
    int width = (int) value.size(-1);
    int frames = rows.length / width;
    int recorded = run.floats(name).length;
    boolean ofTime = name.contains("time") || name.endsWith("temb");
    if (!ofTime || recorded == rows.length) {
      return value;
    }
    int tokens = recorded / width;
    float[] all = new float[recorded];
    for (int token = 0; token < tokens; token++) {
      System.arraycopy(rows, token / (tokens / frames) * width, all, token * width, width);
    }
    return NdMemory.copy(MemorySegment.ofArray(all), 1, tokens, width);
  }

  /** The recorded latents with what stands beside or instead of them in every step. */
  private static INDArray latents(GoldenRun run, int step) {
    INDArray noisy =
        WanGoldenTest.tensor(run, step == 0 ? "latents_init" : "step" + (step - 1) + ".latents");
    INDArray first = WanGoldenTest.tensor(run, "s0.cond.in.hidden_states");
    long channels = noisy.size(1);
    if (first.size(1) != channels) {
      INDArray beside =
          first.get(
              NDArrayIndex.all(),
              NDArrayIndex.interval(channels, first.size(1)),
              NDArrayIndex.all(),
              NDArrayIndex.all(),
              NDArrayIndex.all());
      return Nd4j.concat(1, noisy, beside).dup('c');
    }
    if (run.holds("vae_encode.mean")) {
      var frame =
          new INDArrayIndex[] {
            NDArrayIndex.all(),
            NDArrayIndex.all(),
            NDArrayIndex.interval(0, 1),
            NDArrayIndex.all(),
            NDArrayIndex.all()
          };
      noisy.put(frame, first.get(frame));
    }
    return noisy;
  }

  private static float[] timesteps(GoldenRun run, INDArray latents, float timestep) {
    if (run.shape("s0.cond.in.timestep").length == 1) {
      return new float[] {timestep};
    }
    float[] timesteps = new float[(int) latents.size(2)];
    Arrays.fill(timesteps, timestep);
    if (run.holds("vae_encode.mean")) {
      timesteps[0] = 0;
    }
    return timesteps;
  }

  private static Optional<INDArray> image(GoldenRun run) {
    String name = "s0.cond.in.encoder_hidden_states_image";
    if (!run.holds(name)) {
      return Optional.empty();
    }
    int[] shape = run.shape(name);
    return Optional.of(
        NdMemory.copy(
            MemorySegment.ofArray(run.floats(name)), 1, (long) shape[0] * shape[1], shape[2]));
  }
}
