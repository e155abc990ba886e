// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.Function;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Json;

/**
 * The values that a setting may have, and how a value is read from text.
 *
 * @param <T> the value's type
 * @param allowed what is allowed, in words
 * @param parser reads a text; throws an {@link IllegalArgumentException} if it does not fit
 */
record Kind<T>(String allowed, Function<String, T> parser) {
  private static final List<String> ON = List.of("1", "true", "yes", "on");
  private static final List<String> OFF = List.of("0", "false", "no", "off");

  static final Kind<Integer> COUNT =
      new Kind<>("a whole number of at least 0", text -> atLeast(text, 0));

  static final Kind<Integer> POSITIVE =
      new Kind<>("a whole number of at least 1", text -> atLeast(text, 1));

  /** As {@link #POSITIVE}, or no value at all. */
  static final Kind<OptionalInt> OPTIONAL =
      new Kind<>(
          POSITIVE.allowed(),
          text -> text.isEmpty() ? OptionalInt.empty() : OptionalInt.of(atLeast(text, 1)));

  static final Kind<List<Integer>> POSITIVE_LIST =
      new Kind<>(
          "whole numbers of at least 1, with commas between them",
          text ->
              text.isEmpty()
                  ? List.of()
                  : Arrays.stream(text.split(",", -1)).map(n -> atLeast(n.strip(), 1)).toList());

  static final Kind<Boolean> FLAG =
      new Kind<>("1, true, yes or on; 0, false, no or off", Kind::flag);

  static final Kind<Double> SCALE = new Kind<>("a number above 0", Kind::scale);

  static final Kind<DType> DTYPE =
      new Kind<>("f32, f16 or bf16", text -> DType.valueOf(text.toUpperCase(Locale.ROOT)));

  static final Kind<StepSelection> STEPS =
      new Kind<>("0, 1, once, a step N, a range N-M or a list N,M,K", StepSelection::parse);

  /** The attention of each role, {@code self} and {@code cross}. */
  static final Kind<Map<String, String>> ATTENTION =
      new Kind<>(
          "SDPA or LVSA, for self-attention, or JSON by role:"
              + " {\"per_role\": {\"self\": {\"backend\": \"LVSA\"}}}",
          Kind::attention);

  static final Kind<String> TEXT = new Kind<>("text", Function.identity());

  private static int atLeast(String text, int least) {
    int number = Integer.parseInt(text);
    if (number < least) {
      throw new NumberFormatException(text);
    }
    return number;
  }

  private static boolean flag(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (!ON.contains(lower) && !OFF.contains(lower)) {
      throw new IllegalArgumentException(text);
    }
    return ON.contains(lower);
  }

  private static double scale(String text) {
    double scale = Double.parseDouble(text);
    if (!(scale > 0) || Double.isInfinite(scale)) {
      throw new NumberFormatException(text);
    }
    return scale;
  }

  private static Map<String, String> attention(String text) {
    if (!text.startsWith("{")) {
      return Map.of("self", text);
    }
    JsonNode roles = Json.parse(text, Setting.DIFFUSION_ATTENTION_BACKEND_NAME).path("per_role");
    if (!roles.isObject()) {
      throw new IllegalArgumentException("no object per_role");
    }
    Map<String, String> byRole = new TreeMap<>();
    for (Map.Entry<String, JsonNode> role : roles.properties()) {
      byRole.put(role.getKey(), role.getValue().path("backend").asText("SDPA"));
    }
    return byRole;
  }
}
