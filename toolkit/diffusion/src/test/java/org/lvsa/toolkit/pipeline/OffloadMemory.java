// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.offload.OffloadMode;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.wan.WanConfig;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ProcStatus;

/**
 * Measures what offloading leaves in memory, for people to run: a Wan model whose transformer has
 * 14 blocks of 72 MiB denoises a small video. Prints what the process held at most and the time of
 * a step, for one way to offload, since a process cannot take its high-water mark back.
 *
 * <pre>java @toolkit/launcher/jvm-flags -cp
 *   "toolkit/diffusion/target/test-classes:toolkit/target/lib/*" \\
 *   org.lvsa.toolkit.pipeline.OffloadMemory FOLDER write TINY_WAN_FOLDER
 *   org.lvsa.toolkit.pipeline.OffloadMemory FOLDER none|model|layerwise</pre>
 */
public final class OffloadMemory {
  private static final int STEPS = 4;

  private OffloadMemory() {}

  /** A folder; then {@code write} and the folder of the tiny model, or what is let go. */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    if (arguments[1].equals("write")) {
      write(Path.of(arguments[2]), folder);
    } else {
      measure(folder, arguments[1]);
    }
  }

  private static void write(Path tiny, Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(tiny)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path name = tiny.relativize(file);
        if (!name.startsWith("transformer")) {
          Files.createDirectories(folder.resolve(name).getParent());
          Files.copy(file, folder.resolve(name));
        }
      }
    }
    Path transformer = Files.createDirectories(folder.resolve("transformer"));
    ObjectNode config = (ObjectNode) Json.read(tiny.resolve("transformer/config.json"));
    config.put("num_layers", 14).put("num_attention_heads", 8).put("attention_head_dim", 128);
    config.put("ffn_dim", 5120);
    Files.writeString(transformer.resolve("config.json"), config.toString());
    Map<String, FloatTensor> tensors = new TreeMap<>();
    SplittableRandom random = new SplittableRandom(1);
    try (Arena arena = Arena.ofShared()) {
      WanConfig.of(ComponentConfig.read(transformer))
          .tensors()
          .asMap()
          .forEach((name, shape) -> tensors.put(name, tensor(shape, random, arena)));
      Safetensors.write(
          transformer.resolve("diffusion_pytorch_model.safetensors"), tensors, Map.of());
    }
  }

  private static FloatTensor tensor(List<Long> shape, SplittableRandom random, Arena arena) {
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    MemorySegment data = arena.allocate(elements * Float.BYTES, Float.BYTES);
    for (long i = 0; i < elements; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (random.nextInt() >> 8) * 0x1p-28f);
    }
    return new FloatTensor(shape, data);
  }

  private static void measure(Path folder, String mode) throws IOException {
    VideoPipeline plain =
        Pipelines.open(ModelFolder.open(folder, Map.of()), Optional.empty(), false);
    GenerationSettings settings =
        new GenerationSettings(
            new GenerationSettings.Prompts("A cat walks", ""),
            new VideoSize(new Resolution(128, 128), 9),
            STEPS,
            new GuidanceSettings(1, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(1));
    try (VideoPipeline pipeline =
            mode.equals("none")
                ? plain
                : new OffloadedPipeline(
                    plain,
                    OffloadMode.valueOf(mode.toUpperCase(Locale.ROOT)),
                    System.out::println);
        Denoising denoising = pipeline.prepare(settings)) {
      VideoRun.Denoised denoised =
          new VideoRun(
                  pipeline,
                  settings,
                  new GenerationAttention.Settings(
                      LvsaConfig.defaults().with(Setting.LVSA_BACKEND, "vector"),
                      StepCounting.EXAMPLES,
                      KernelOptions.DEFAULT,
                      Optional.empty()),
                  VideoRun.Listener.NONE)
              .denoise(denoising, VideoRun.Saving.none(), false);
      System.out.printf(
          Locale.ROOT,
          "%s: process at most %d MiB, %.2f s a step, latents %08x%n",
          mode,
          ProcStatus.bytes("VmHWM") >> 20,
          denoised.seconds() / STEPS,
          Arrays.hashCode(denoised.latents()));
    }
  }
}
