// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.OptionalInt;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.pattern.FrameRange;
import org.lvsa.toolkit.pattern.LocalFrame;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.pattern.RankSlice;

/** Patterns as JSON, with the field names of {@code golden/pattern.jsonl}. */
final class PatternJson {
  private PatternJson() {}

  /** The frames, the layout and the density of a pattern as one JSON object. */
  static ObjectNode write(Pattern pattern) {
    ObjectNode node = Json.object();
    node.put("keyFrameInterval", pattern.keyFrameInterval());
    node.put("keyframeOffset", pattern.keyframeOffset());
    pattern.boundaryGuards().forEach(node.putArray("boundaryGuards")::add);
    pattern.globalFrames().forEach(node.putArray("globalFrames")::add);
    ArrayNode windows = node.putArray("windowBounds");
    for (FrameRange window : pattern.windows()) {
      windows.addArray().add(window.first()).add(window.last());
    }
    numbers(node.putArray("attendedPerFrame"), pattern.attendedPerFrame());
    node.put("localTokens", pattern.localTokens());
    node.put("firstToken", pattern.firstToken());
    ArrayNode local = node.putArray("localFrames");
    for (LocalFrame frame : pattern.localFrames()) {
      local.addArray().add(frame.frame()).add(frame.begin()).add(frame.end());
    }
    numbers(node.putArray("indptr"), pattern.rankLayout().indptr());
    numbers(node.putArray("indices"), pattern.rankLayout().indices());
    node.put("compactFrames", pattern.compactFrames().size());
    node.put("density", pattern.density());
    return node;
  }

  private static void numbers(ArrayNode array, int[] numbers) {
    for (int number : numbers) {
      array.add(number);
    }
  }

  /**
   * The settings of one case, and its pattern.
   *
   * @param line a JSON object
   * @param file the file in which it stands, for messages
   * @param number the number of its line in the file
   * @throws MalformedFileException with file and line, naming what is missing or wrong
   */
  static Pattern read(String line, String file, int number) {
    JsonNode node = Json.parse(line, file, number);
    try {
      return pattern(node);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(file + ", line " + number + ": " + e.getMessage(), e);
    }
  }

  private static Pattern pattern(JsonNode node) {
    if (!node.isObject()) {
      throw new IllegalArgumentException("a JSON object was expected, got " + shown(node));
    }
    PatternSettings settings =
        PatternSettings.of(
                integer(node, "latentFrames"),
                integer(node, "patchesPerFrame"),
                integer(node, "window"),
                integer(node, "firstFrames"),
                integer(node, "referenceFrames"),
                number(node, "sparsityScale"))
            .withKeyFrameInterval(
                node.hasNonNull("keyFrameInterval")
                    ? OptionalInt.of(integer(node, "keyFrameInterval"))
                    : OptionalInt.empty())
            .withStep(node.has("step") ? integer(node, "step") : 0)
            .withRotateKeyframes(truth(node, "rotateKeyframes", false))
            .withExpandWindow(truth(node, "expandWindow", true));
    RankSlice slice =
        new RankSlice(
            node.has("rank") ? integer(node, "rank") : 0,
            node.has("world") ? integer(node, "world") : 1);
    return Pattern.build(settings, slice);
  }

  private static int integer(JsonNode node, String name) {
    JsonNode value = node.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw new IllegalArgumentException(name + " must be a whole number, got " + shown(value));
    }
    return value.intValue();
  }

  private static double number(JsonNode node, String name) {
    JsonNode value = node.path(name);
    if (!value.isNumber()) {
      throw new IllegalArgumentException(name + " must be a number, got " + shown(value));
    }
    return value.doubleValue();
  }

  private static boolean truth(JsonNode node, String name, boolean missing) {
    JsonNode value = node.path(name);
    if (value.isMissingNode()) {
      return missing;
    }
    if (!value.isBoolean()) {
      throw new IllegalArgumentException(name + " must be true or false, got " + shown(value));
    }
    return value.booleanValue();
  }

  private static String shown(JsonNode value) {
    return value.isMissingNode() ? "nothing" : Messages.cut(value);
  }
}
