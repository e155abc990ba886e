// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.pattern.FrameRange;
import org.lvsa.toolkit.pattern.Frames;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;

/** Patterns and steps as the published implementation recorded them: equal, not nearly equal. */
class PublishedStepsTest {

  private static List<Integer> numbers(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonNode::intValue).toList();
  }

  private static Generation generation(
      Map<String, String> variables, int frames, StepCounting counting) {
    Map<String, String> all = new HashMap<>(variables);
    all.put("LVSA_BACKEND", "vector");
    all.put("DIFFUSION_ATTENTION_BACKEND", "LVSA");
    return new Generation(
        GenerationOptions.of(LvsaConfig.of(all, Map.of(), line -> {}))
            .withLatentFrames(frames)
            .withCounting(counting),
        LineLog.none());
  }

  private static String flag(JsonNode value) {
    return value.booleanValue() ? "1" : "0";
  }

  /** A run of the example programs: settings in video frames, the pattern in force at each step. */
  @ParameterizedTest
  @ValueSource(strings = {"rot", "window0", "static_kfi", "autoscaled"})
  void theExamplesPatternsAreInForceOneStepLate(String name) throws IOException {
    JsonNode run = GoldenRun.table("wan_lvsa/" + name);
    JsonNode settings = run.get("settings");
    Map<String, String> variables =
        Map.of(
            "LVSA_WINDOW_SIZE", settings.get("window").asText(),
            "LVSA_N_FIRST_FRAMES", settings.get("first").asText(),
            "LVSA_KEY_FRAME_INTERVAL", settings.get("interval").asText(),
            "LVSA_AUTO_KEYFRAMES", flag(settings.get("auto")),
            "LVSA_ROTATE_KEYFRAMES", flag(settings.get("rotate")),
            "LVSA_REFERENCE_LATENT_FRAMES", settings.get("ref").asText(),
            "LVSA_SPARSITY_SCALE", settings.get("scale").asText());
    int frames = settings.get("latent_frames").intValue();
    SequenceGeometry geometry =
        new SequenceGeometry(frames, settings.get("tokens_per_frame").intValue(), 0);
    JsonNode resolved = settings.get("resolved");
    try (Generation generation = generation(variables, frames, StepCounting.EXAMPLES)) {
      StepTracker steps = generation.steps();
      for (int step = 0; step < settings.get("steps").intValue(); step++) {
        steps.begin(step);
        // Calls are not counted here, however many there are.
        IntStream.range(0, 7).forEach(call -> steps.tick(call, geometry.tokens()));
        Pattern pattern = generation.pattern(geometry, steps.step());
        JsonNode expected = run.get("per_step").get(step);
        String where = name + " step " + step;
        assertEquals(expected.get("offset").intValue(), pattern.keyframeOffset(), where);
        assertEquals(numbers(expected.get("globals")), pattern.globalFrames(), where);
        assertEquals(
            resolved.get("window_size_latent").intValue(), pattern.settings().window(), where);
        assertEquals(
            resolved.get("n_first_frames_latent").intValue(),
            pattern.settings().firstFrames(),
            where);
        assertEquals(
            resolved.get("key_frame_interval_latent").intValue(),
            pattern.keyFrameInterval(),
            where);
        JsonNode recorded = run.get("patterns_by_offset").get("" + pattern.keyframeOffset());
        for (JsonNode frame : recorded.get("frames")) {
          int number = frame.get("frame").intValue();
          assertEquals(
              new FrameRange(frame.get("window_lo").intValue(), frame.get("window_hi").intValue()),
              pattern.windows().get(number),
              where + " frame " + number);
          assertEquals(
              numbers(frame.get("attended")),
              attended(pattern, number),
              where + " frame " + number);
        }
      }
    }
  }

  private static List<Integer> attended(Pattern pattern, int frame) {
    return IntStream.range(0, pattern.settings().latentFrames())
        .filter(key -> pattern.mark(frame, key) != '.')
        .boxed()
        .toList();
  }

  /** Every call of the plugin's counter: two videos of one length, a warm-up, one pass or two. */
  @Test
  void thePluginsCounterGivesTheStepOfEveryCall() throws IOException {
    int calls = 0;
    for (JsonNode row : GoldenRun.table("lvsa_counter/plugin_step_counter").get("rows")) {
      JsonNode config = row.get("config");
      Map<String, String> variables = new HashMap<>();
      config
          .properties()
          .forEach(
              field ->
                  variables.put(
                      "LVSA_" + field.getKey().toUpperCase(java.util.Locale.ROOT),
                      field.getValue().isBoolean()
                          ? flag(field.getValue())
                          : field.getValue().asText()));
      StepTracker steps =
          new StepTracker(
              StepCounting.PLUGIN,
              OptionalInt.empty(),
              row.get("cfg_passes").intValue(),
              line -> {});
      for (JsonNode call : row.get("calls")) {
        JsonNode video = row.get("generations").get(call.get("generation").intValue());
        int frames = video.get("T").intValue();
        steps.begin(call.get("step").intValue()); // changes nothing
        int step = steps.tick("block " + call.get("block"), call.get("seq_len").intValue());
        String where = "call " + calls + ": " + call;
        assertEquals(call.get("step_index").intValue(), step, where);
        try (Generation generation = generation(variables, frames, StepCounting.PLUGIN)) {
          Pattern pattern =
              generation.pattern(new SequenceGeometry(frames, video.get("P").intValue(), 0), step);
          assertEquals(call.get("kfi").intValue(), pattern.keyFrameInterval(), where);
          assertEquals(numbers(call.get("globals")), pattern.globalFrames(), where);
        }
        calls++;
      }
    }
    assertEquals(86, calls);
  }

  @Test
  void everyRecordedTableIsThePattern() throws IOException {
    JsonNode tables = GoldenRun.table("wan_lvsa/pattern_tables");
    int rows = 0;
    for (JsonNode row : tables.get("rows")) {
      int frames = row.get("T").intValue();
      PatternSettings settings =
          PatternSettings.of(
                  frames,
                  4,
                  row.get("W").intValue(),
                  row.get("n_first").intValue(),
                  row.get("ref").intValue(),
                  row.get("scale").doubleValue())
              .rotatedTo(row.get("offset").intValue());
      Pattern expanded = Pattern.build(settings);
      String where = settings.toString();
      assertEquals(row.get("auto_kfi").intValue(), expanded.keyFrameInterval(), where);
      assertEquals(numbers(row.get("globals")), expanded.globalFrames(), where);
      checkWindows(row.get("window_expanded"), expanded, where);
      checkWindows(
          row.get("window_adaptive"), Pattern.build(settings.withExpandWindow(false)), where);
      rows++;
    }
    assertTrue(rows > 1000, "rows " + rows);
    for (JsonNode row : tables.get("boundary_guards")) {
      BitSet guards =
          Frames.boundaryGuards(
              row.get("T").intValue(),
              row.get("P").intValue(),
              row.get("W").intValue(),
              row.get("world").intValue());
      assertEquals(numbers(row.get("guards")), guards.stream().boxed().toList(), row.toString());
    }
  }

  private static void checkWindows(JsonNode recorded, Pattern pattern, String where) {
    List<FrameRange> windows = new ArrayList<>();
    recorded.forEach(
        window -> windows.add(new FrameRange(window.get(0).intValue(), window.get(1).intValue())));
    if (!recorded.isNull()) {
      assertEquals(windows, pattern.windows(), where);
    }
  }
}
