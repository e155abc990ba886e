// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;

/**
 * The settings in force, and where each came from. Immutable.
 *
 * <p>The command line goes before the environment, the environment before the defaults. {@code
 * LVSA_CONFIG}, a JSON object, stands alone: with it the other {@code LVSA_*} variables are not
 * read, as in the published implementation.
 */
public final class LvsaConfig {
  /** The variable whose JSON stands for all others. */
  public static final String JSON_VARIABLE = "LVSA_CONFIG";

  /** Where a value came from. */
  public enum Origin {
    /** The setting has its default. */
    DEFAULT,
    /** An environment variable of its own. */
    ENVIRONMENT,
    /** {@code LVSA_CONFIG}. */
    JSON,
    /** An option. */
    COMMAND_LINE
  }

  /**
   * A setting's value.
   *
   * @param <T> its type
   * @param value as it was read
   * @param text as it was written
   * @param origin who gave it
   */
  public record Value<T>(T value, String text, Origin origin) {}

  private final Map<Setting<?>, Value<?>> values;

  private LvsaConfig(Map<Setting<?>, Value<?>> values) {
    this.values = values;
    givenPatchesPerFrame();
  }

  /** The defaults. */
  public static LvsaConfig defaults() {
    return of(Map.of(), Map.of(), ignored -> {});
  }

  /**
   * Reads the settings.
   *
   * @param environment the process's variables
   * @param options from the command line, by variable name: only those that the user typed
   * @param warn takes one line for each {@code LVSA_*} name that no setting has
   * @throws IllegalArgumentException naming the variable, the value and what is allowed
   */
  public static LvsaConfig of(
      Map<String, String> environment, Map<String, String> options, Consumer<String> warn) {
    Map<Setting<?>, Value<?>> values = new LinkedHashMap<>();
    for (Setting<?> setting : Setting.all()) {
      values.put(setting, setting.parse(setting.standard(), Origin.DEFAULT));
    }
    String json = environment.getOrDefault(JSON_VARIABLE, "");
    if (!json.isBlank()) {
      readJson(json, values, warn);
    }
    environment.forEach(
        (name, text) -> {
          if (name.startsWith("LVSA_") && !name.equals(JSON_VARIABLE)) {
            read(name, text, Origin.ENVIRONMENT, !json.isBlank(), values, warn);
          }
        });
    Setting<?> attention = Setting.DIFFUSION_ATTENTION_BACKEND;
    String backend = environment.getOrDefault(attention.name(), "");
    if (!backend.isBlank()) {
      values.put(attention, attention.parse(backend.strip(), Origin.ENVIRONMENT));
    }
    options.forEach((name, text) -> read(name, text, Origin.COMMAND_LINE, false, values, warn));
    return new LvsaConfig(values);
  }

  private static void read(
      String name,
      String text,
      Origin origin,
      boolean standsBack,
      Map<Setting<?>, Value<?>> values,
      Consumer<String> warn) {
    Setting<?> setting = Setting.find(name).orElse(null);
    if (setting == null) {
      // Notes of this toolkit's own launcher.
      if (!name.equals("LVSA_DEBUG")) {
        warn.accept(
            "unknown variable " + Messages.cut(name) + ", the nearest is " + Setting.nearest(name));
      }
    } else if (!standsBack && !text.isBlank()) {
      values.put(setting, setting.parse(text.strip(), origin));
    }
  }

  private static void readJson(
      String json, Map<Setting<?>, Value<?>> values, Consumer<String> warn) {
    JsonNode object = Json.parse(json, JSON_VARIABLE);
    if (!object.isObject()) {
      throw new IllegalArgumentException(
          JSON_VARIABLE + " must be a JSON object, got " + Messages.cut(json));
    }
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      Setting<?> setting = Setting.ofField(entry.getKey()).orElse(null);
      if (setting == null) {
        warn.accept("unknown field " + Messages.cut(entry.getKey()) + " in " + JSON_VARIABLE);
      } else if (!entry.getValue().isNull()) {
        values.put(setting, setting.parse(text(entry.getValue()), Origin.JSON));
      }
    }
  }

  private static String text(JsonNode value) {
    if (value.isArray()) {
      return String.join(",", value.valueStream().map(LvsaConfig::text).toList());
    }
    return value.isObject() ? value.toString() : value.asText();
  }

  /** The same settings with another attention for self-attention. */
  public LvsaConfig withAttention(String name) {
    return with(Setting.DIFFUSION_ATTENTION_BACKEND, name);
  }

  /**
   * The same settings with another value of one of them, as if it were typed.
   *
   * @throws IllegalArgumentException if the setting does not take it
   */
  public LvsaConfig with(Setting<?> setting, String text) {
    Map<Setting<?>, Value<?>> changed = new LinkedHashMap<>(values);
    changed.put(setting, setting.parse(text, Origin.COMMAND_LINE));
    return new LvsaConfig(changed);
  }

  /** The same settings with another default: a value that somebody gave stays as it is. */
  public LvsaConfig withDefault(Setting<?> setting, String text) {
    if (value(setting).origin() != Origin.DEFAULT) {
      return this;
    }
    Map<Setting<?>, Value<?>> changed = new LinkedHashMap<>(values);
    changed.put(setting, setting.parse(text, Origin.DEFAULT));
    return new LvsaConfig(changed);
  }

  /** The value of a setting, how it was written and who gave it. */
  @SuppressWarnings("unchecked") // Only Setting<T>.parse makes the values of a Setting<T>.
  public <T> Value<T> value(Setting<T> setting) {
    return (Value<T>) values.get(setting);
  }

  /** The value of a setting. */
  public <T> T get(Setting<T> setting) {
    return value(setting).value();
  }

  /** A whole number that has a default. */
  public int number(Setting<Integer> setting) {
    return get(setting);
  }

  /** A whole number that may be missing. */
  public OptionalInt optionalNumber(Setting<OptionalInt> setting) {
    return get(setting);
  }

  /** Whether a flag is set. */
  public boolean on(Setting<Boolean> setting) {
    return get(setting);
  }

  /** {@code LVSA_DTYPE}. */
  public DType dtype() {
    return get(Setting.LVSA_DTYPE);
  }

  /** {@code LVSA_SPARSITY_SCALE}. */
  public double sparsityScale() {
    return get(Setting.LVSA_SPARSITY_SCALE);
  }

  /** {@code LVSA_MASK_LOG}. */
  public StepSelection maskLog() {
    return get(Setting.LVSA_MASK_LOG);
  }

  /** Window in latent frames. */
  public int latentWindow() {
    return latent(Setting.LVSA_WINDOW_SIZE);
  }

  /** First frames in latent frames. */
  public int latentFirstFrames() {
    return latent(Setting.LVSA_N_FIRST_FRAMES);
  }

  /** Keyframe interval in latent frames; empty where it is computed. */
  public OptionalInt latentKeyFrameInterval() {
    return on(Setting.LVSA_AUTO_KEYFRAMES)
        ? OptionalInt.empty()
        : OptionalInt.of(Math.max(latent(Setting.LVSA_KEY_FRAME_INTERVAL), 1));
  }

  private int latent(Setting<Integer> videoFrames) {
    return number(videoFrames) / number(Setting.LVSA_VAE_TEMPORAL_FACTOR);
  }

  /**
   * Patches per frame, candidates in order: the list, else from height, width, VAE factor and
   * patch, else 1560 (480×832).
   */
  public List<Integer> patchesPerFrame() {
    List<Integer> given = givenPatchesPerFrame();
    return given.isEmpty() ? List.of(1560) : given;
  }

  /**
   * The same without the last resort: empty if neither the list nor height and width are set.
   *
   * @throws IllegalArgumentException if height and width make 2^31 patches or more
   */
  public List<Integer> givenPatchesPerFrame() {
    List<Integer> list = get(Setting.LVSA_PATCHES_PER_FRAME);
    OptionalInt height = optionalNumber(Setting.LVSA_VIDEO_HEIGHT);
    OptionalInt width = optionalNumber(Setting.LVSA_VIDEO_WIDTH);
    if (!list.isEmpty() || height.isEmpty() || width.isEmpty()) {
      return list;
    }
    long patches = side(height.getAsInt()) * side(width.getAsInt());
    if (patches > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "LVSA_VIDEO_HEIGHT and LVSA_VIDEO_WIDTH must make at most 2^31-1 patches, got "
              + patches);
    }
    return patches > 0 ? List.of((int) patches) : List.of();
  }

  private long side(int pixels) {
    return pixels / number(Setting.LVSA_VAE_SPATIAL_FACTOR) / number(Setting.LVSA_PATCH_SIZE);
  }

  /** The attention implementation of a role ({@code self}, {@code cross}): SDPA or LVSA. */
  public String attention(String role) {
    return get(Setting.DIFFUSION_ATTENTION_BACKEND).getOrDefault(role, "SDPA");
  }

  /** The reference of all settings, in Markdown: {@code docs/configuration.md}. */
  public static String reference() {
    StringBuilder text = new StringBuilder();
    text.append("# Configuration\n\n");
    text.append("Written by `./lvsa config --reference`; a test compares it with the code.\n\n");
    text.append(
        "The command line (`--set NAME=VALUE`) goes before the environment, the environment");
    text.append(" before the defaults.\n`LVSA_CONFIG`, a JSON object of the fields below, stands");
    text.append(" alone: with it the other `LVSA_*` variables are\nnot read. An unknown `LVSA_*`");
    text.append(" name is a warning, a value that cannot be read an error.\n\n");
    text.append("| variable | JSON field | default | allowed | meaning |\n|---|---|---|---|---|\n");
    for (Setting<?> setting : Setting.all()) {
      text.append(
          "| `%s` | `%s` | %s | %s | %s |\n"
              .formatted(
                  setting.name(),
                  setting.field(),
                  setting.standard().isEmpty() ? "none" : "`" + setting.standard() + "`",
                  setting.allowed(),
                  setting.meaning()));
    }
    return text.toString();
  }
}
