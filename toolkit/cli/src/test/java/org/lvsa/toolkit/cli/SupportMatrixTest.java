// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.io.Json;

/**
 * Which model runs with which feature: runs each with each on the tiny golden models, and compares
 * the table with the one in {@code docs/support.md}. The table of the last run is in {@code
 * target/support.md}.
 */
@Tag("full")
class SupportMatrixTest {
  private static final Path MODELS = Path.of("../../../shared/golden/pipelines");

  /** A model that lies in the test resources. */
  private static final String WITH_PICTURE = "hunyuan15_i2v/model";

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

  private static Map<String, List<String>> models() {
    Map<String, List<String>> models = new LinkedHashMap<>();
    models.put("wan/model", List.of("--resolution", "48x32"));
    models.put("wan_i2v/model", List.of("--resolution", "48x32"));
    models.put("wan22/a14b/model", List.of("--resolution", "48x32"));
    models.put("wan22/ti2v5b/model", List.of("--resolution", "96x64"));
    models.put("hunyuan15/model", List.of("--resolution", "96x64"));
    models.put(WITH_PICTURE, List.of("--resolution", "96x64"));
    models.put("cogvideox/model", List.of("--resolution", "48x32"));
    return models;
  }

  @Test
  void theDocumentSaysWhatRan() throws IOException {
    Assumptions.assumeTrue(
        Files.isDirectory(MODELS), () -> "skipped: no golden data at " + MODELS.toAbsolutePath());
    Path picture = directory.resolve("picture.png");
    ImageIO.write(new BufferedImage(48, 32, BufferedImage.TYPE_INT_RGB), "png", picture.toFile());
    Map<String, Feature> features = features();
    StringBuilder table = new StringBuilder("| model | ");
    table.append(String.join(" | ", features.keySet())).append(" |\n|---|");
    table.append("---|".repeat(features.size())).append('\n');
    for (var model : models().entrySet()) {
      Path folder =
          model.getKey().equals(WITH_PICTURE)
              ? TinyHunyuan.unpackWithPicture(directory.resolve("models"))
              : MODELS.resolve(model.getKey());
      String name = Json.read(folder.resolve("model_index.json")).get("_class_name").textValue();
      table.append("| ").append(name).append(" (").append(model.getKey()).append(") |");
      for (Feature feature : features.values()) {
        List<Object> words = new ArrayList<>(List.of("generate", "--model", folder));
        words.addAll(List.of("--prompt", "A cat walks", "--frames", "9", "--steps", "6"));
        words.addAll(model.getValue());
        if (name.contains("ImageToVideo")) {
          words.addAll(List.of("--image", picture));
        }
        words.addAll(List.of("--output-type", "png", "-o", directory.resolve("out")));
        table.append(runs(words, feature) ? " yes |" : " no |");
      }
      table.append('\n');
    }
    Files.writeString(Path.of("target/support.md"), table);
    String document = Files.readString(DOCUMENT);
    assertEquals(table.toString(), document.substring(document.indexOf("| model")));
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
