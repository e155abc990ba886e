// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Messages;

/**
 * The field {@code lvsa}.
 *
 * @param variables settings by their variable
 * @param strict whether nothing may be changed
 */
record LvsaFields(Map<String, String> variables, boolean strict) {
  private static final List<Setting<?>> SETTINGS =
      List.of(
          Setting.LVSA_WINDOW_SIZE,
          Setting.LVSA_N_FIRST_FRAMES,
          Setting.LVSA_KEY_FRAME_INTERVAL,
          Setting.LVSA_AUTO_KEYFRAMES,
          Setting.LVSA_ROTATE_KEYFRAMES,
          Setting.LVSA_EXPAND_WINDOW,
          Setting.LVSA_SPARSITY_SCALE,
          Setting.LVSA_REFERENCE_LATENT_FRAMES);

  /** Those that are true or false; the others are numbers. */
  static final Set<Setting<?>> FLAGS =
      Set.of(
          Setting.LVSA_AUTO_KEYFRAMES, Setting.LVSA_ROTATE_KEYFRAMES, Setting.LVSA_EXPAND_WINDOW);

  private static final Map<String, String> ATTENTION = Map.of("dense", "SDPA", "lvsa", "LVSA");
  private static final String ATTENTION_NAME = "attention";
  private static final String STRICT = "strict";

  static LvsaFields of(RequestFields fields) {
    Map<String, String> variables = new TreeMap<>();
    boolean strict = false;
    Optional<JsonNode> object = fields.object(Field.LVSA);
    if (object.isPresent()) {
      for (Map.Entry<String, JsonNode> entry : object.get().properties()) {
        String name = entry.getKey();
        JsonNode value = entry.getValue();
        if (value.isNull()) {
          continue;
        }
        if (name.equals(STRICT)) {
          strict = flag(name, value);
        } else if (name.equals(ATTENTION_NAME)) {
          String setting = ATTENTION.get(value.asText());
          if (setting == null) {
            throw wrong(name, "dense or lvsa", value);
          }
          variables.put(Setting.DIFFUSION_ATTENTION_BACKEND.name(), setting);
        } else {
          Setting<?> setting = setting(name);
          variables.put(
              setting.name(),
              FLAGS.contains(setting) ? flag(name, value) ? "1" : "0" : number(name, value));
        }
      }
    }
    if (strict) {
      variables.put(Setting.LVSA_STRICT.name(), "1");
    }
    check(variables);
    return new LvsaFields(variables, strict);
  }

  private static boolean flag(String name, JsonNode value) {
    if (!value.isBoolean()) {
      throw wrong(name, "true or false", value);
    }
    return value.booleanValue();
  }

  private static String number(String name, JsonNode value) {
    if (!value.isNumber()) {
      throw wrong(name, "a number", value);
    }
    return value.asText();
  }

  private static Setting<?> setting(String name) {
    return SETTINGS.stream()
        .filter(setting -> setting.field().equals(name))
        .findFirst()
        .orElseThrow(
            () -> {
              List<String> known = new ArrayList<>(List.of(ATTENTION_NAME, STRICT));
              SETTINGS.forEach(setting -> known.add(setting.field()));
              return new ApiException(
                  Fault.UNKNOWN_FIELD,
                  Messages.unknown("field", "lvsa." + name, known),
                  "lvsa." + Messages.cut(name));
            });
  }

  private static ApiException wrong(String name, String allowed, JsonNode value) {
    return new ApiException(
        Fault.INVALID_VALUE,
        "lvsa." + name + " must be " + allowed + ", got " + Messages.cut(value),
        "lvsa." + name);
  }

  private static void check(Map<String, String> variables) {
    try {
      LvsaConfig.of(Map.of(), variables, ignored -> {});
    } catch (IllegalArgumentException e) {
      throw new ApiException(Fault.INVALID_VALUE, e.getMessage(), Field.LVSA.toString());
    }
  }
}
