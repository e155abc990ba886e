// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.lvsa.toolkit.adapter.ModelAdapter;
import org.lvsa.toolkit.adapter.ModelAdapter.Frame;
import org.lvsa.toolkit.adapter.ModelAdapter.Streams;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.pattern.Pattern;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description =
        "A small transformer of a model's kind, with random weights, denoises a few steps with dense"
            + " and with sparse attention.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Example:",
      "  ./lvsa demo --model wan2.1-1.3b --frames 321 --steps 4 --layers 2 --rotate-keyframes",
      "",
      "Real: blocks, positions, pattern, log lines. Not real: the weights, a frame of few patches, few",
      "heads; so the times compare with each other and the difference with nothing."
    })
final class DemoCommand implements Callable<Integer> {
  private static final int TEXT = 32;

  @Spec private CommandSpec spec;
  @Mixin private DeviceOption device;

  @Option(
      names = "--model",
      defaultValue = "wan2.1-1.3b",
      description = "default: ${DEFAULT-VALUE}")
  private String model;

  @Option(names = "--frames", defaultValue = "161", description = "default: ${DEFAULT-VALUE}")
  private int frames;

  @Option(names = "--steps", defaultValue = "4", description = "default: ${DEFAULT-VALUE}")
  private int steps;

  @Option(names = "--layers", defaultValue = "2", description = "default: ${DEFAULT-VALUE}")
  private int layers;

  @Option(
      names = "--heads",
      defaultValue = "2",
      description = "heads of the small model (default: ${DEFAULT-VALUE})")
  private int heads;

  @Option(
      names = "--grid",
      defaultValue = "6x10",
      description = "patches of a frame, rows x columns (default: ${DEFAULT-VALUE})")
  private String grid;

  @Option(
      names = "--sparsity-scale",
      defaultValue = "1.0",
      description = "default: ${DEFAULT-VALUE}")
  private double sparsityScale;

  @Option(names = "--rotate-keyframes", description = "move keyframes at each step")
  private boolean rotate;

  @Option(names = "--backend", defaultValue = "auto", description = "default: ${DEFAULT-VALUE}")
  private String backend;

  /** What a step took: all of it, and self-attention's kernel alone. */
  private record StepResult(double millis, double attentionMillis, INDArray state) {}

  @Override
  public Integer call() {
    ModelGeometry geometry = Models.named(model);
    atLeastOne("steps", steps);
    atLeastOne("layers", layers);
    atLeastOne("heads", heads);
    String[] sides = grid.split("x");
    if (sides.length != 2
        || !sides[0].matches("[1-9]\\d{0,3}")
        || !sides[1].matches("[1-9]\\d{0,3}")) {
      throw new IllegalArgumentException("--grid must be ROWSxCOLUMNS, got " + grid);
    }
    PatchGrid patches = new PatchGrid(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
    int latentFrames = geometry.latentFrames(frames);
    Frame frame =
        new Frame(
            heads,
            geometry.headDim(),
            patches,
            new RotaryEmbedding(geometry.ropeAxes(), geometry.ropeTheta()));
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    ModelAdapter adapter = ModelAdapter.of(model);
    List<Map<String, INDArray>> blocks = randomBlocks(adapter, frame);
    Nd4j.getRandom().setSeed(2);
    INDArray video = Nd4j.randn(DataType.FLOAT, latentFrames * patches.patches(), frame.width());
    INDArray text = Nd4j.randn(DataType.FLOAT, TEXT, frame.width());
    List<StepResult> dense;
    List<StepResult> sparse;
    double attended;
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(model)
            .setInitialMax(2L * steps * layers)
            .setConsumer(new ConsoleProgressBarConsumer(System.err))
            .build()) {
      dense =
          denoise("SDPA", geometry, latentFrames, adapter, frame, blocks, video, text, bar, err);
      sparse =
          denoise("LVSA", geometry, latentFrames, adapter, frame, blocks, video, text, bar, err);
      attended = attended(geometry, latentFrames, patches.patches());
    }
    out.printf(
        "%s, %d video frames: %d latent frames of %d patches and %d text tokens, %d heads of %d,"
            + " %d blocks, random weights%n",
        geometry.title(),
        frames,
        latentFrames,
        patches.patches(),
        TEXT,
        heads,
        geometry.headDim(),
        layers);
    out.printf("%-5s %21s %21s %9s %16s %11s%n", "", "SDPA ms", "LVSA ms", "attention", "", "");
    out.printf(
        "%-5s %10s %10s %10s %10s %9s %16s %11s%n",
        "step",
        "attention",
        "all",
        "attention",
        "all",
        "speed-up",
        "attended frames",
        "difference");
    for (int step = 0; step < steps; step++) {
      StepResult exact = dense.get(step);
      StepResult approximate = sparse.get(step);
      double difference =
          approximate.state().sub(exact.state()).norm2Number().doubleValue()
              / exact.state().norm2Number().doubleValue();
      out.printf(
          Locale.ROOT,
          "%-5d %10.1f %10.1f %10.1f %10.1f %9.2f %10.1f of %3d %11.4f%n",
          step,
          exact.attentionMillis(),
          exact.millis(),
          approximate.attentionMillis(),
          approximate.millis(),
          exact.attentionMillis() / approximate.attentionMillis(),
          attended,
          latentFrames,
          difference);
    }
    out.flush();
    return 0;
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, got " + value);
    }
  }

  private LvsaConfig config(String attention, ModelGeometry geometry, int patches) {
    Map<String, String> options = new HashMap<>();
    options.put("LVSA_BACKEND", backend);
    options.put("LVSA_SPARSITY_SCALE", Double.toString(sparsityScale));
    options.put("LVSA_ROTATE_KEYFRAMES", rotate ? "1" : "0");
    options.put("LVSA_REFERENCE_LATENT_FRAMES", Integer.toString(geometry.referenceFrames()));
    options.put("LVSA_PATCHES_PER_FRAME", Integer.toString(patches));
    options.put("LVSA_CFG_PASSES", "1");
    options.put("LVSA_N_BLOCKS", Integer.toString(layers));
    LvsaConfig config = LvsaConfig.of(System.getenv(), options, line -> {});
    return config.withAttention(attention);
  }

  private double attended(ModelGeometry geometry, int latentFrames, int patches) {
    return Pattern.build(
                geometry.pattern(
                    latentFrames,
                    patches,
                    geometry.defaultWindow(),
                    geometry.defaultFirstFrames(),
                    sparsityScale,
                    OptionalInt.empty()))
            .density()
        * latentFrames;
  }

  private List<StepResult> denoise(
      String attention,
      ModelGeometry geometry,
      int latentFrames,
      ModelAdapter adapter,
      Frame frame,
      List<Map<String, INDArray>> blocks,
      INDArray video,
      INDArray text,
      ProgressBar bar,
      PrintWriter err) {
    List<StepResult> results = new ArrayList<>();
    LvsaConfig config = config(attention, geometry, frame.grid().patches());
    try (Generation generation =
        new Generation(
            config,
            OptionalInt.of(latentFrames),
            line -> {
              err.println(line);
              err.flush();
            })) {
      INDArray state = video;
      // Once before the clock runs: the JVM compiles, kernels open.
      adapter.attend(generation, "block 0", frame, blocks.getFirst(), new Streams(state, text));
      generation.steps().reset();
      for (int step = 0; step < steps; step++) {
        long start = System.nanoTime();
        double attended = generation.kernelMillis();
        Streams streams = new Streams(state, text);
        for (int block = 0; block < layers; block++) {
          Streams change =
              adapter.attend(generation, "block " + block, frame, blocks.get(block), streams);
          streams =
              new Streams(streams.video().add(change.video()), streams.text().add(change.text()));
          bar.step();
        }
        // An Euler step towards what the blocks give.
        state = state.mul(0.8).addi(streams.video().mul(0.2));
        results.add(
            new StepResult(
                (System.nanoTime() - start) / 1e6, generation.kernelMillis() - attended, state));
      }
    }
    return results;
  }

  private List<Map<String, INDArray>> randomBlocks(ModelAdapter adapter, Frame frame) {
    Nd4j.getRandom().setSeed(1);
    List<Map<String, INDArray>> blocks = new ArrayList<>();
    for (int block = 0; block < layers; block++) {
      Map<String, INDArray> tensors = new LinkedHashMap<>();
      adapter
          .tensors(frame)
          .forEach(
              (name, shape) -> {
                boolean scale = name.contains("norm") && name.endsWith("weight");
                INDArray tensor = Nd4j.randn(DataType.FLOAT, shape);
                tensors.put(
                    name,
                    scale
                        ? tensor.muli(0.1).addi(1)
                        : tensor.muli(shape.length == 2 ? 1 / Math.sqrt(shape[1]) : 0.02));
              });
      blocks.add(tensors);
    }
    return blocks;
  }
}
