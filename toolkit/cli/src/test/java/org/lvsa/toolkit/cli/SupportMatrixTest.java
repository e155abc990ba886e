// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which model runs with which feature on the CPU: runs each with each on the tiny golden models,
 * and compares the table with the first one in {@code docs/support.md}. The table of the last run
 * is in {@code target/support.md}.
 */
@Tag("full")
class SupportMatrixTest {
  private static final Path DOCUMENT = Path.of("../../docs/support.md");

  @TempDir private Path directory;

  /**
   * A feature.
   *
   * @param options that ask for it; each is tried until one fits the tiny model
   * @param shown whether the output says that it ran
   */
  private record Feature(List<List<String>> options, Predicate<String> shown) {
    static Feature of(Predicate<String> shown, String... options) {
      return new Feature(List.of(List.of(options)), shown);
    }
  }

  private Map<String, Feature> features() {
    Map<String, Feature> features = new LinkedHashMap<>();
    features.put("dense", Feature.of(out -> out.contains("dense attention")));
    features.put("LVSA", Feature.of(out -> out.contains("lvsa attention"), "--attention", "lvsa"));
    features.put(
        "cache_dit",
        cache("cache_dit", "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}"));
    features.put("first_block", cache("first_block", "{\"threshold\": 9}"));
    features.put(
        "tea_cache",
        cache("tea_cache", "{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 9}"));
    features.put(
        "mag_cache", cache("mag_cache", "{\"mag_ratios\": [1], \"retention_ratio\": 0.3}"));
    features.put("pab", cache("pab", "{\"spatial_attention_block_skip_range\": 2}"));
    features.put("Ulysses", ranks("--ulysses-degree", "2", "3"));
    features.put(
        "Ulysses, any heads",
        Feature.of(
            SupportMatrixTest::onRanks, "--ulysses-degree", "5", "--ulysses-mode", "advanced_uaa"));
    features.put("global KV", ranks("--global-kv-degree", "2", "3"));
    features.put("ring", ranks("--ring-degree", "2", "3"));
    features.put("Ulysses x ring", hybrid());
    features.put("tensor parallel", ranks("--tensor-parallel-size", "2", "3"));
    features.put("guidance parallel", ranks("--cfg-parallel-size", "2"));
    features.put(
        "batched guidance",
        Feature.of(out -> out.contains("dense attention"), "--batched-guidance"));
    features.put(
        "HSDP",
        Feature.of(
            out -> out.contains("by shards of blocks"), "--use-hsdp", "--hsdp-shard-size", "2"));
    features.put(
        "VAE on ranks",
        Feature.of(
            out -> out.contains("by tiles of the decoder (2)"),
            "--cfg-parallel-size",
            "2",
            "--vae-patch-parallel-size",
            "2"));
    features.put(
        "VAE patches on ranks",
        Feature.of(
            out -> out.contains("by patches of the decoder"),
            "--cfg-parallel-size",
            "2",
            "--vae-patch-parallel-size",
            "2",
            "--vae-parallel-mode",
            "patch"));
    features.put("VAE tiling", Feature.of(out -> out.contains("dense attention"), "--vae-tiling"));
    features.put(
        "CPU offload",
        Feature.of(out -> out.contains("[offload] decoding"), "--enable-cpu-offload"));
    features.put(
        "layer-wise offload",
        Feature.of(out -> out.contains("blocks at a time"), "--enable-layerwise-offload"));
    features.put(
        "profile",
        Feature.of(
            out -> out.contains("  profile: "),
            "--profile",
            directory.resolve("profile").toString()));
    return features;
  }

  private static Feature cache(String backend, String config) {
    return Feature.of(
        out -> out.contains("cache " + backend) && !out.contains(" 0 cached"),
        "--cache-backend",
        backend,
        "--cache-config",
        config);
  }

  private static Feature ranks(String option, String... degrees) {
    List<List<String>> options = new ArrayList<>();
    for (String degree : degrees) {
      options.add(List.of(option, degree));
    }
    return new Feature(options, SupportMatrixTest::onRanks);
  }

  private static Feature hybrid() {
    List<List<String>> options = new ArrayList<>();
    for (String ulysses : List.of("2", "3")) {
      for (String ring : List.of("2", "3")) {
        options.add(List.of("--ulysses-degree", ulysses, "--ring-degree", ring));
      }
    }
    return new Feature(options, SupportMatrixTest::onRanks);
  }

  private static boolean onRanks(String out) {
    return out.contains(" ranks, ");
  }

  @Test
  void theDocumentSaysWhatRan() throws IOException {
    Map<String, Feature> features = features();
    StringBuilder table = new StringBuilder("| model | ");
    table.append(String.join(" | ", features.keySet())).append(" |\n|---|");
    table.append("---|".repeat(features.size())).append('\n');
    for (TinyModel one : TinyModel.ALL) {
      TinyModel.Opened model = one.open(directory);
      table.append("| ").append(model.title()).append(" |");
      for (Feature feature : features.values()) {
        List<Object> words = model.words(List.of("generate"), List.of());
        words.addAll(List.of("--output-type", "png", "-o", directory.resolve("out")));
        table.append(runs(words, feature) ? " yes |" : " no |");
      }
      table.append('\n');
    }
    Files.writeString(Path.of("target/support.md"), table);
    String document = Files.readString(DOCUMENT);
    int begin = document.indexOf("| model");
    assertEquals(table.toString(), document.substring(begin, document.indexOf("\n\n", begin) + 1));
  }

  /**
   * Without a device, what the second table calls possible gets as far as asking for one, and what
   * it calls impossible is refused in the words that stand there. {@code DeviceSupportTest} runs
   * the same calls on a device.
   */
  @Test
  void theDevicesTableLacksADeviceAndNothingElse() throws IOException {
    DeviceTable table = DeviceTable.read(Files.readString(DOCUMENT));
    List<DeviceFeature> features = DeviceFeature.all();
    for (var column : table.columns().entrySet()) {
      TinyModel.Opened model = TinyModel.titled(column.getKey()).open(directory);
      Map<String, String> outcomes = column.getValue();
      assertEquals(
          features.stream().map(DeviceFeature::name).toList(), List.copyOf(outcomes.keySet()));
      for (DeviceFeature feature : features) {
        Run run = Run.lvsa(feature.words(model, directory).toArray());
        String what = model.title() + ", " + feature.name();
        String outcome = outcomes.get(feature.name());
        if (outcome.equals(DeviceTable.YES)) {
          assertEquals(3, run.code(), what + ": " + run.err());
          assertTrue(run.err().contains("lvsa: --transformer device cannot run here: "), what);
        } else {
          assertEquals(outcome, DeviceFeature.refusal(run), what);
        }
      }
    }
  }

  private static boolean runs(List<Object> words, Feature feature) {
    return feature.options().stream()
        .anyMatch(
            options -> {
              List<Object> all = new ArrayList<>(words);
              all.addAll(options);
              Run run = Run.lvsa(all.toArray());
              return run.code() == 0 && feature.shown().test(run.out());
            });
  }
}
