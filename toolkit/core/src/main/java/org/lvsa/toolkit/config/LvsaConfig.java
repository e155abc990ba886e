// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.lvsa.kernels.DType;

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

  private static final List<String> ON = List.of("1", "true", "yes", "on");
  private static final List<String> OFF = List.of("0", "false", "no", "off");

  /** Where a value came from. */
  public enum Origin {
    /** Nobody gave it. */
    DEFAULT,
    /** An environment variable of its own. */
    ENVIRONMENT,
    /** {@code LVSA_CONFIG}. */
    JSON,
    /** An option. */
    COMMAND_LINE
  }

  /** A value as it was written, and by whom. */
  public record Value(String text, Origin origin) {}

  private final Map<Setting, Value> values;

  private LvsaConfig(Map<Setting, Value> values) {
    this.values = values;
    values.forEach(LvsaConfig::check);
  }

  /** The defaults. */
  public static LvsaConfig defaults() {
    return of(Map.of(), Map.of(), ignored -> {});
  }

  /**
   * Reads the settings.
   *
   * @param environment the process's variables
   * @param options from the command line, by variable name
   * @param warn takes a line for each {@code LVSA_*} name that is none
   * @throws IllegalArgumentException naming the variable, the value and what is allowed
   */
  public static LvsaConfig of(
      Map<String, String> environment, Map<String, String> options, Consumer<String> warn) {
    Map<Setting, Value> values = new EnumMap<>(Setting.class);
    for (Setting setting : Setting.values()) {
      values.put(setting, new Value(setting.standard(), Origin.DEFAULT));
    }
    String json = environment.get(JSON_VARIABLE);
    if (json != null && !json.isBlank()) {
      readJson(json, values, warn);
    }
    environment.forEach(
        (name, text) -> {
          if (name.startsWith("LVSA_") && !name.equals(JSON_VARIABLE)) {
            read(name, text, Origin.ENVIRONMENT, json != null && !json.isBlank(), values, warn);
          }
        });
    String backend = environment.get(Setting.DIFFUSION_ATTENTION_BACKEND.name());
    if (backend != null) {
      values.put(
          Setting.DIFFUSION_ATTENTION_BACKEND, new Value(backend.strip(), Origin.ENVIRONMENT));
    }
    options.forEach((name, text) -> read(name, text, Origin.COMMAND_LINE, false, values, warn));
    return new LvsaConfig(values);
  }

  private static void read(
      String name,
      String text,
      Origin origin,
      boolean standsBack,
      Map<Setting, Value> values,
      Consumer<String> warn) {
    if (!Setting.names().contains(name)) {
      // Notes of this toolkit's own launcher.
      if (!name.equals("LVSA_DEBUG")) {
        warn.accept("unknown variable " + name + ", the nearest is " + Setting.nearest(name));
      }
    } else if (!standsBack && !text.isBlank()) {
      values.put(Setting.valueOf(name), new Value(text.strip(), origin));
    }
  }

  private static void readJson(String json, Map<Setting, Value> values, Consumer<String> warn) {
    JsonNode object;
    try {
      object = new ObjectMapper().readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          JSON_VARIABLE + " must be a JSON object, got " + json + ": " + e.getOriginalMessage(), e);
    }
    if (!object.isObject()) {
      throw new IllegalArgumentException(JSON_VARIABLE + " must be a JSON object, got " + json);
    }
    object
        .properties()
        .forEach(
            entry -> {
              Optional<Setting> setting = Setting.ofField(entry.getKey());
              if (setting.isEmpty()) {
                warn.accept("unknown field " + entry.getKey() + " in " + JSON_VARIABLE);
              } else if (!entry.getValue().isNull()) {
                JsonNode value = entry.getValue();
                String text =
                    value.isArray()
                        ? String.join(",", value.valueStream().map(JsonNode::asText).toList())
                        : value.asText();
                values.put(setting.get(), new Value(text, Origin.JSON));
              }
            });
  }

  private static void check(Setting setting, Value value) {
    if (value.text().isEmpty()) {
      return;
    }
    try {
      switch (setting.kind()) {
        case COUNT -> atLeast(Integer.parseInt(value.text()), 0);
        case POSITIVE -> atLeast(Integer.parseInt(value.text()), 1);
        case POSITIVE_LIST ->
            Arrays.stream(value.text().split(",", -1))
                .forEach(number -> atLeast(Integer.parseInt(number.strip()), 1));
        case SCALE -> {
          double scale = Double.parseDouble(value.text());
          if (!(scale > 0) || Double.isInfinite(scale)) {
            throw new NumberFormatException();
          }
        }
        case FLAG -> flag(value.text());
        case STEPS -> StepSelection.parse(value.text());
        case DTYPE -> dtype(value.text());
        case ATTENTION -> {
          if (value.text().startsWith("{")) {
            byRole(value.text());
          }
        }
        case TEXT -> {}
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          setting.name() + " must be " + setting.kind().allowed() + ", got " + value.text(), e);
    }
  }

  private static void atLeast(int number, int least) {
    if (number < least) {
      throw new NumberFormatException();
    }
  }

  private static boolean flag(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (!ON.contains(lower) && !OFF.contains(lower)) {
      throw new NumberFormatException();
    }
    return ON.contains(lower);
  }

  private static DType dtype(String text) {
    return Arrays.stream(DType.values())
        .filter(dtype -> dtype.name().equalsIgnoreCase(text))
        .findFirst()
        .orElseThrow(NumberFormatException::new);
  }

  /** {@code LVSA_DTYPE}. */
  public DType dtype() {
    return dtype(value(Setting.LVSA_DTYPE).text());
  }

  /** The same settings with another attention. */
  public LvsaConfig withAttention(String name) {
    Map<Setting, Value> changed = new EnumMap<>(values);
    changed.put(Setting.DIFFUSION_ATTENTION_BACKEND, new Value(name, Origin.COMMAND_LINE));
    return new LvsaConfig(changed);
  }

  /** The value of a setting and its origin. */
  public Value value(Setting setting) {
    return values.get(setting);
  }

  /** A whole number that has a default. */
  public int number(Setting setting) {
    return optionalNumber(setting).orElseThrow();
  }

  /** A whole number that may be missing. */
  public OptionalInt optionalNumber(Setting setting) {
    String text = value(setting).text();
    return text.isEmpty() ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(text));
  }

  /** Whether a flag is set. */
  public boolean on(Setting setting) {
    return flag(value(setting).text());
  }

  /** {@code LVSA_SPARSITY_SCALE}. */
  public double sparsityScale() {
    return Double.parseDouble(value(Setting.LVSA_SPARSITY_SCALE).text());
  }

  /** {@code LVSA_MASK_LOG}. */
  public StepSelection maskLog() {
    return StepSelection.parse(value(Setting.LVSA_MASK_LOG).text());
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

  private int latent(Setting videoFrames) {
    return number(videoFrames) / number(Setting.LVSA_VAE_TEMPORAL_FACTOR);
  }

  /**
   * Patches of a frame, candidates in order: the list, else from height, width, VAE factor and
   * patch, else 1560 (480×832).
   */
  public List<Integer> patchesPerFrame() {
    List<Integer> given = givenPatchesPerFrame();
    return given.isEmpty() ? List.of(1560) : given;
  }

  /** The same without the last resort: empty if neither the list nor height and width are set. */
  public List<Integer> givenPatchesPerFrame() {
    String list = value(Setting.LVSA_PATCHES_PER_FRAME).text();
    if (!list.isEmpty()) {
      return Arrays.stream(list.split(",", -1)).map(p -> Integer.parseInt(p.strip())).toList();
    }
    OptionalInt height = optionalNumber(Setting.LVSA_VIDEO_HEIGHT);
    OptionalInt width = optionalNumber(Setting.LVSA_VIDEO_WIDTH);
    if (height.isPresent() && width.isPresent()) {
      int patches = side(height.getAsInt()) * side(width.getAsInt());
      if (patches > 0) {
        return List.of(patches);
      }
    }
    return List.of();
  }

  private int side(int pixels) {
    return pixels / number(Setting.LVSA_VAE_SPATIAL_FACTOR) / number(Setting.LVSA_PATCH_SIZE);
  }

  /** The attention implementation of a role ({@code self}, {@code cross}): SDPA or LVSA. */
  public String attention(String role) {
    String text = value(Setting.DIFFUSION_ATTENTION_BACKEND).text();
    if (!text.startsWith("{")) {
      return role.equals("self") ? text : "SDPA";
    }
    return byRole(text).path(role).path("backend").asText("SDPA");
  }

  private static JsonNode byRole(String text) {
    try {
      JsonNode roles = new ObjectMapper().readTree(text).path("per_role");
      if (roles.isObject()) {
        return roles;
      }
    } catch (JsonProcessingException e) {
      throw new NumberFormatException(e.getOriginalMessage());
    }
    throw new NumberFormatException("no object per_role");
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
    for (Setting setting : Setting.values()) {
      text.append(
          "| `%s` | `%s` | %s | %s | %s |%n"
              .formatted(
                  setting.name(),
                  setting.field(),
                  setting.standard().isEmpty() ? "none" : "`" + setting.standard() + "`",
                  setting.kind().allowed(),
                  setting.meaning()));
    }
    return text.toString();
  }
}
