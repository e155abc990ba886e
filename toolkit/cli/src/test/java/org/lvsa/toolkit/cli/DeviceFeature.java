// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

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
        cache("tea_cache", "{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 9}"),
        cache("pab", "{\"spatial_attention_block_skip_range\": 2}"),
        err("VAE on the device", "to the device: VAE", "--vae", "device"),
        err("VAE tiling", "VAE in tiles ", "--vae-tiling", "--resolution", "288x32"),
        err("layer-wise offload", "weights of 2 of ", "--enable-layerwise-offload"),
        out("CPU offload", "[offload] ", "--enable-cpu-offload"),
        ranks("guidance parallel, threads", "--cfg-parallel-size", "2"),
        ranks("Ulysses", "--ulysses-degree", "2"),
        ranks("ring", "--ring-degree", "2"),
        ranks("global KV", "--global-kv-degree", "2"),
        ranks("tensor parallel", "--tensor-parallel-size", "2"),
        ranks("HSDP", "--use-hsdp", "--hsdp-shard-size", "2"),
        out("capture", "dense attention", "--capture", FOLDER));
  }

  /**
   * The words of a call.
   *
   * @param scratch takes what it writes
   */
  public List<Object> words(TinyModel.Opened model, Path scratch) {
    List<String> more = new ArrayList<>(List.of("--transformer", "device", "--dtype", "f32"));
    for (String option : options) {
      more.add(option.equals(FOLDER) ? scratch.resolve("folder").toString() : option);
    }
    List<Object> words = model.words(List.of("generate"), more);
    words.addAll(
        options.stream().anyMatch(option -> option.startsWith("--vae"))
            ? List.of("--output-type", "png", "-o", scratch.resolve("frames"))
            : List.of("-o", scratch.resolve("out.safetensors")));
    return words;
  }

  /**
   * Makes a video on a device.
   *
   * @return {@link DeviceTable#YES}, or the line that refuses it
   * @throws AssertionError if it neither runs nor is refused in one line
   */
  public String outcome(TinyModel.Opened model, Path scratch) {
    Run run = Run.lvsa(words(model, scratch).toArray());
    if (run.code() != 0) {
      return refusal(run);
    }
    if (!run.err().contains("MiB of device memory taken") || !shown.test(run)) {
      throw new AssertionError("it does not show: " + run.out() + run.err());
    }
    return DeviceTable.YES;
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
