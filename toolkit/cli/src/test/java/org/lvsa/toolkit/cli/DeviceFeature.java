// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.vision.Picture;

/**
 * What a user may ask for together with {@code --transformer device}, where it depends on the model
 * or is refused.
 *
 * @param name in the table of {@code docs/support.md}
 * @param options that ask for it, as {@link TinyModel.Opened#words} takes them
 * @param shown whether the output says that it ran
 */
public record DeviceFeature(String name, List<String> options, Predicate<Run> shown) {
  private static final String FOLDER = "FOLDER";
  private static final String LATENTS = "out.safetensors";

  /** Of latents from the CPU's, relative to their length. */
  private static final double DISTANCE = 1e-4;

  private static DeviceFeature out(String name, String shown, String... options) {
    return new DeviceFeature(name, List.of(options), run -> run.out().contains(shown));
  }

  private static DeviceFeature err(String name, String shown, String... options) {
    return new DeviceFeature(name, List.of(options), run -> run.err().contains(shown));
  }

  private static DeviceFeature cache(String backend, String config) {
    return new DeviceFeature(
        backend,
        List.of("--cache-backend", backend, "--cache-config", config),
        run -> run.out().contains("cache " + backend) && !run.out().contains(" 0 cached"));
  }

  private static DeviceFeature ranks(String name, String... options) {
    return out(name, "  on 2 ranks", options);
  }

  private static DeviceFeature decodingRanks(String name, String shown, String mode) {
    return out(
        name,
        shown,
        "--cfg-parallel-size",
        "2",
        "--ranks",
        "processes",
        "--vae-patch-parallel-size",
        "2",
        "--vae-parallel-mode",
        mode);
  }

  /** All that the table has, in its order. */
  public static List<DeviceFeature> all() {
    return List.of(
        out("dense", "dense attention"),
        out("LVSA", "lvsa attention", "--attention", "lvsa"),
        out("another pattern", "sta attention", "--attention", "sta"),
        out("first picture", "dense attention", "--image", TinyModel.PICTURE),
        out(
            "first and last picture",
            "dense attention",
            "--image",
            TinyModel.PICTURE,
            "--last-image",
            TinyModel.PICTURE),
        cache("cache_dit", "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}"),
        cache("first_block", "{\"threshold\": 9}"),
        cache("tea_cache", "{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 9}"),
        cache("mag_cache", "{\"mag_ratios\": [1], \"retention_ratio\": 0.3}"),
        cache("pab", "{\"spatial_attention_block_skip_range\": 2}"),
        err("VAE on the device", "to the device: VAE", "--vae", "device"),
        err("VAE tiling", "VAE in tiles ", "--vae-tiling", "--resolution", "288x32"),
        err("layer-wise offload", "weights of 2 of ", "--enable-layerwise-offload"),
        err("CPU offload", "device memory: VAE ", "--enable-cpu-offload"),
        ranks("guidance parallel, threads", "--cfg-parallel-size", "2"),
        ranks("guidance parallel, processes", "--cfg-parallel-size", "2", "--ranks", "processes"),
        decodingRanks("VAE on ranks", "by tiles of the decoder (2)", "tile"),
        decodingRanks("VAE patches on ranks", "by patches of the decoder", "patch"),
        out("batched guidance", "dense attention", "--batched-guidance"),
        ranks("Ulysses", "--ulysses-degree", "2"),
        ranks("ring", "--ring-degree", "2"),
        ranks("global KV", "--global-kv-degree", "2"),
        ranks("tensor parallel", "--tensor-parallel-size", "2"),
        ranks("HSDP", "--use-hsdp", "--hsdp-shard-size", "2"),
        out("capture", "dense attention", "--capture", FOLDER),
        out("profile", "  profile: ", "--profile", FOLDER));
  }

  /**
   * The words of a call.
   *
   * @param scratch takes what it writes
   */
  public List<Object> words(TinyModel.Opened model, Path scratch) {
    return words(model, options, "device", scratch);
  }

  private List<Object> words(
      TinyModel.Opened model, List<String> asked, String place, Path scratch) {
    List<String> more = new ArrayList<>(List.of("--transformer", place, "--dtype", "f32"));
    for (String option : asked) {
      more.add(option.equals(FOLDER) ? scratch.resolve("folder").toString() : option);
    }
    List<Object> words = model.words(List.of("generate"), more);
    words.addAll(
        decodes()
            ? List.of("--output-type", "png", "-o", scratch.resolve("frames"))
            : List.of("-o", scratch.resolve(LATENTS)));
    return words;
  }

  private boolean decodes() {
    return options.stream().anyMatch(option -> option.startsWith("--vae"));
  }

  /**
   * Makes a video on a device, and the same one on the CPU.
   *
   * @return {@link DeviceTable#YES}, or the line that refuses it
   * @throws AssertionError if it neither runs nor is refused in one line, or if the videos differ
   */
  public String outcome(TinyModel.Opened model, Path scratch) throws IOException {
    Path there = Files.createTempDirectory(scratch, "device");
    Run run = Run.lvsa(words(model, there).toArray());
    if (run.code() != 0) {
      return refusal(run);
    }
    if (!run.err().contains("MiB of device memory taken") || !shown.test(run)) {
      throw new AssertionError("it does not show: " + run.out() + run.err());
    }
    Path here = Files.createTempDirectory(scratch, "cpu");
    // The ranks of one process send each other the same as several processes do.
    List<String> asked =
        options.stream()
            .map(word -> word.equals("device") ? "cpu" : word)
            .map(word -> word.equals("processes") ? "threads" : word)
            .toList();
    Run onCpu = Run.lvsa(words(model, asked, "cpu", here).toArray());
    if (onCpu.code() != 0) {
      throw new AssertionError("not on the CPU: " + onCpu.err());
    }
    if (decodes()) {
      requireLike(here.resolve("frames"), there.resolve("frames"));
    } else {
      requireNear(latents(here.resolve(LATENTS)), latents(there.resolve(LATENTS)));
    }
    return DeviceTable.YES;
  }

  private static float[] latents(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      return Safetensors.open(file, arena)
          .data("latents")
          .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  private static void requireNear(float[] cpu, float[] device) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < cpu.length; i++) {
      difference += Math.pow((double) cpu[i] - device[i], 2);
      size += (double) cpu[i] * cpu[i];
    }
    double distance = Math.sqrt(difference / size);
    if (cpu.length != device.length || !(distance <= DISTANCE)) {
      throw new AssertionError("latents differ from the CPU's by " + distance);
    }
  }

  /** Frames may differ by a level where what is decoded lies between two. */
  private static void requireLike(Path cpu, Path device) throws IOException {
    for (int frame = 0; frame < TinyModel.FRAMES; frame++) {
      String name = String.format(Locale.ROOT, "frame-%05d.png", frame);
      byte[] expected = Picture.read(cpu.resolve(name)).rgb();
      byte[] actual = Picture.read(device.resolve(name)).rgb();
      for (int i = 0; i < expected.length; i++) {
        if (Math.abs((expected[i] & 0xFF) - (actual[i] & 0xFF)) > 1) {
          throw new AssertionError("frame " + frame + " differs from the CPU's");
        }
      }
    }
  }

  /** The line that refuses a call, which has to be the only one but for warnings and reports. */
  public static String refusal(Run run) {
    List<String> lines =
        run.err()
            .lines()
            .filter(line -> !line.contains("memory of ") && !line.contains(" warning: "))
            .toList();
    if (run.code() != Lvsa.BAD_INPUT || lines.size() != 1) {
      throw new AssertionError("code " + run.code() + ", " + lines);
    }
    return lines.getFirst().replaceFirst("^lvsa: ", "");
  }
}
