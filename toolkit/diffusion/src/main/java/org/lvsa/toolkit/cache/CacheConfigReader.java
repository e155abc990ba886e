// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.lvsa.toolkit.cache.CacheSettings.Pyramid.Range;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * Reads a step cache's settings from JSON with the published names: those of vLLM-Omni's {@code
 * DiffusionCacheConfig} and Cache-DiT's {@code DBCacheConfig} for DBCache and TeaCache, those of
 * diffusers' hooks for the others. What is not given has vLLM-Omni's (diffusers') default.
 */
public final class CacheConfigReader {
  private static final int COEFFICIENTS = TeaCalibration.DEGREE + 1;

  private final String backend;
  private final JsonNode json;
  private final Set<String> read = new TreeSet<>();

  private CacheConfigReader(String backend, JsonNode json) {
    this.backend = backend;
    this.json = json;
  }

  /**
   * The settings of a backend.
   *
   * @param backend one of {@link CacheSettings#BACKENDS}, or {@code none}
   * @param config a JSON object, or the path of a file that holds one; empty for the defaults
   * @return empty for {@code none}
   * @throws MalformedFileException naming what does not fit, the value and what is allowed
   */
  public static Optional<CacheSettings> read(String backend, String config) {
    if (backend.equals("none")) {
      return Optional.empty();
    }
    if (!CacheSettings.BACKENDS.contains(backend)) {
      throw new MalformedFileException(
          "Unsupported cache backend: "
              + Messages.cut(backend)
              + ". Supported: "
              + String.join(", ", CacheSettings.BACKENDS)
              + ", none");
    }
    JsonNode json = config.isBlank() ? Json.object() : parse(config.strip());
    if (!json.isObject()) {
      throw new MalformedFileException(
          "--cache-config must be a JSON object, got " + Messages.cut(json));
    }
    CacheConfigReader reader = new CacheConfigReader(backend, json);
    CacheSettings settings = reader.settings();
    reader.refuseUnread();
    return Optional.of(settings);
  }

  private static JsonNode parse(String config) {
    return config.startsWith("{") || config.startsWith("[")
        ? Json.parse(config, "--cache-config")
        : Json.read(Path.of(config));
  }

  private CacheSettings settings() {
    return switch (backend) {
      case CacheSettings.DB_CACHE -> dbCache();
      case CacheSettings.TEA_CACHE -> teaCache();
      case CacheSettings.FIRST_BLOCK ->
          new CacheSettings.FirstBlock(number("threshold", 0.05, 0, Double.MAX_VALUE));
      case CacheSettings.MAG_CACHE -> magCache();
      default -> pyramid();
    };
  }

  private DbCacheSettings dbCache() {
    boolean separate = flag("enable_separate_cfg", true);
    if (!separate) {
      throw wrong("enable_separate_cfg", false, "true: each branch of guidance has its own cache");
    }
    boolean ownDifference = flag("cfg_diff_compute_separate", true);
    if (flag("cfg_compute_first", false) && ownDifference) {
      throw wrong("cfg_compute_first", true, "false where cfg_diff_compute_separate is true");
    }
    OptionalInt steps = optional("num_inference_steps", 1);
    Optional<DbCacheSettings.Mask> mask = mask();
    if (steps.isPresent()) {
      mask.ifPresent(one -> one.of(steps.getAsInt()));
    }
    boolean taylor = flag("enable_taylorseer", false);
    int order = integer("taylorseer_order", 1, 1, DbCacheSettings.HIGHEST_ORDER);
    double hidden = number("l1_hidden_states_diff_threshold", 0, 0, Double.MAX_VALUE);
    double threshold =
        number("residual_diff_threshold", 0.24, Double.NEGATIVE_INFINITY, Double.MAX_VALUE);
    return new DbCacheSettings(
        integer("Fn_compute_blocks", 1, 1, Integer.MAX_VALUE),
        integer("Bn_compute_blocks", 0, 0, Integer.MAX_VALUE),
        new DbCacheSettings.Limits(
            integer("max_warmup_steps", 4, 0, Integer.MAX_VALUE),
            integer("warmup_interval", 1, 1, Integer.MAX_VALUE),
            limit("max_cached_steps", -1),
            limit("max_continuous_cached_steps", 3),
            number("max_accumulated_residual_diff_threshold", 0, 0, Double.MAX_VALUE)),
        new DbCacheSettings.Difference(
            hidden > 0 ? hidden : threshold,
            number("important_condition_threshold", 0, 0, Double.MAX_VALUE),
            integer("downsample_factor", 1, 1, Integer.MAX_VALUE),
            hidden > 0,
            ownDifference),
        mask,
        taylor ? order : 0,
        new DbCacheSettings.Refresh(
            optional("force_refresh_step_hint", 1),
            choice("force_refresh_step_policy", "once", List.of("once", "repeat"))
                .equals("repeat")));
  }

  private Optional<DbCacheSettings.Mask> mask() {
    boolean isStatic =
        choice("scm_steps_policy", "dynamic", List.of("dynamic", "static")).equals("static");
    Optional<StepMask.Policy> policy = text("scm_steps_mask_policy").map(StepMask.Policy::of);
    Optional<StepMask> written = written();
    if (policy.isPresent() && written.isPresent()) {
      throw new MalformedFileException(
          "--cache-config: give scm_steps_mask_policy or steps_computation_mask, not both");
    }
    return policy.isPresent() || written.isPresent()
        ? Optional.of(new DbCacheSettings.Mask(policy, written, isStatic))
        : Optional.empty();
  }

  private Optional<StepMask> written() {
    Optional<JsonNode> node = node("steps_computation_mask");
    if (node.isPresent() && node.get().isArray()) {
      StringBuilder digits = new StringBuilder();
      node.get().forEach(digit -> digits.append(digit.asText()));
      return Optional.of(StepMask.parse(digits.toString()));
    }
    return text("steps_computation_mask").map(StepMask::parse);
  }

  private CacheSettings.TeaCache teaCache() {
    double threshold = number("rel_l1_thresh", 0.2, Double.NEGATIVE_INFINITY, Double.MAX_VALUE);
    if (threshold <= 0) {
      throw wrong("rel_l1_thresh", threshold, "above 0; a tiny value computes every step");
    }
    Optional<JsonNode> given = node("coefficients");
    Optional<List<Double>> coefficients =
        given.isPresent() && given.get().isTextual()
            ? text("coefficients").map(TeaCacheDecision::published)
            : numbers("coefficients");
    coefficients
        .filter(list -> list.size() != COEFFICIENTS)
        .ifPresent(
            list -> {
              throw wrong("coefficients", list.size() + " numbers", COEFFICIENTS + " numbers");
            });
    return new CacheSettings.TeaCache(threshold, coefficients, flag("tea_calibrate", false));
  }

  private CacheSettings.MagCache magCache() {
    boolean calibrate = flag("mag_calibrate", false);
    Optional<List<Double>> ratios = numbers("mag_ratios");
    if (!calibrate && ratios.isEmpty()) {
      throw new MalformedFileException(
          "mag_cache needs \"mag_ratios\": measure them with \"mag_calibrate\": true or with lvsa"
              + " calibrate magcache");
    }
    ratios
        .filter(List::isEmpty)
        .ifPresent(
            none -> {
              throw wrong("mag_ratios", "none", "at least one number");
            });
    optional("num_inference_steps", 1);
    return new CacheSettings.MagCache(
        number("threshold", 0.06, 0, Double.MAX_VALUE),
        integer("max_skip_steps", 3, 1, Integer.MAX_VALUE),
        number("retention_ratio", 0.2, 0, 1),
        calibrate ? Optional.empty() : ratios);
  }

  private CacheSettings.Pyramid pyramid() {
    return new CacheSettings.Pyramid(
        optional("spatial_attention_block_skip_range", 1),
        optional("cross_attention_block_skip_range", 1),
        range("spatial_attention_timestep_skip_range"),
        range("cross_attention_timestep_skip_range"));
  }

  private Range range(String name) {
    Optional<List<Double>> given = numbers(name);
    given
        .filter(list -> list.size() != 2 || list.getFirst() > list.getLast())
        .ifPresent(
            list -> {
              throw wrong(name, list, "two timesteps, the lower one first");
            });
    return given
        .map(list -> new Range(list.getFirst(), list.getLast()))
        .orElseGet(() -> new Range(100, 800));
  }

  private void refuseUnread() {
    for (String name : (Iterable<String>) json::fieldNames) {
      if (!read.contains(name)) {
        throw new MalformedFileException(
            "--cache-config: " + Messages.unknown(backend + " setting", name, read));
      }
    }
  }

  private Optional<JsonNode> node(String name) {
    read.add(name);
    return Optional.ofNullable(json.get(name)).filter(node -> !node.isNull());
  }

  private static MalformedFileException wrong(String name, Object got, String allowed) {
    return new MalformedFileException(
        "--cache-config: " + name + " must be " + allowed + ", got " + Messages.cut(got));
  }

  private int integer(String name, int otherwise, int least, int most) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return otherwise;
    }
    if (!node.get().canConvertToExactIntegral()
        || !node.get().canConvertToInt()
        || node.get().intValue() < least
        || node.get().intValue() > most) {
      throw wrong(
          name,
          node.get(),
          most == Integer.MAX_VALUE
              ? "a whole number of at least " + least
              : "a whole number from " + least + " to " + most);
    }
    return node.get().intValue();
  }

  private OptionalInt optional(String name, int least) {
    return node(name).isEmpty()
        ? OptionalInt.empty()
        : OptionalInt.of(integer(name, least, least, Integer.MAX_VALUE));
  }

  /** A limit: a negative number is none. */
  private OptionalInt limit(String name, int otherwise) {
    int value = integer(name, otherwise, Integer.MIN_VALUE, Integer.MAX_VALUE);
    return value < 0 ? OptionalInt.empty() : OptionalInt.of(value);
  }

  private double number(String name, double otherwise, double least, double most) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return otherwise;
    }
    double value = node.get().isNumber() ? node.get().doubleValue() : Double.NaN;
    if (!(value >= least && value <= most)) {
      throw wrong(
          name,
          node.get(),
          most == Double.MAX_VALUE
              ? least == Double.NEGATIVE_INFINITY ? "a number" : "a number of at least " + least
              : "a number from " + least + " to " + most);
    }
    return value;
  }

  private boolean flag(String name, boolean otherwise) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isBoolean()) {
      throw wrong(name, node.get(), "true or false");
    }
    return node.map(JsonNode::booleanValue).orElse(otherwise);
  }

  private Optional<String> text(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isTextual()) {
      throw wrong(name, node.get(), "a text");
    }
    return node.map(JsonNode::textValue);
  }

  private String choice(String name, String otherwise, List<String> allowed) {
    String value = text(name).orElse(otherwise);
    if (!allowed.contains(value)) {
      throw wrong(name, value, String.join(" or ", allowed));
    }
    return value;
  }

  private Optional<List<Double>> numbers(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return Optional.empty();
    }
    List<Double> numbers = new ArrayList<>();
    for (JsonNode element : node.get()) {
      if (!element.isNumber()) {
        throw wrong(name, element, "a list of numbers");
      }
      numbers.add(element.doubleValue());
    }
    if (!node.get().isArray()) {
      throw wrong(name, node.get(), "a list of numbers");
    }
    return Optional.of(numbers);
  }
}
