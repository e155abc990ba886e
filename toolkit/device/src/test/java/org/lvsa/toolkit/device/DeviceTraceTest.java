// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.io.Json;

/** What TornadoVM's profiler measured on a device stands inside the spans of a trace. */
@Tag("full")
class DeviceTraceTest {
  /** Microseconds by which clocks may round. */
  private static final double ROUNDING = 0.002;

  @Test
  void theTimesOfTheDeviceLieInsideTheKernelsSpans(@TempDir Path directory) throws IOException {
    DeviceRun.assumeDevice();
    Path profile = directory.resolve("profile");
    List<Object> words = new ArrayList<>();
    words.addAll(List.of("generate", "--model", GoldenRun.wanModel(directory)));
    words.addAll(List.of("--prompt", "A cat walks", "--frames", "13", "--resolution", "48x32"));
    words.addAll(List.of("--steps", "3", "--guidance-scale", "3", "--backend", "tornado"));
    words.addAll(List.of("--profile", profile, "-o", directory.resolve("out.safetensors")));
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    List<JsonNode> events = new ArrayList<>();
    Json.read(profile.resolve("trace_rank0.json")).get("traceEvents").forEach(events::add);
    List<JsonNode> kernels =
        events.stream().filter(event -> event.path("cat").asText().equals("kernel")).toList();
    // Two blocks, two branches of guidance, three steps.
    assertEquals(12, kernels.size());
    for (JsonNode kernel : kernels) {
      assertTrue(kernel.at("/args/device").asText().contains("("), kernel.toString());
      double millis = kernel.at("/args/kernelMillis").doubleValue();
      assertTrue(millis > 0, kernel.toString());
      assertTrue(kernel.at("/args/transferMillis").doubleValue() > 0, kernel.toString());
      List<JsonNode> inside =
          events.stream()
              .filter(event -> event.at("/args/measuredBy").asText().equals("kernel"))
              .filter(event -> event.get("tid").equals(kernel.get("tid")) && lies(event, kernel))
              .toList();
      assertTrue(inside.stream().anyMatch(event -> event.get("name").asText().equals("transfer")));
      JsonNode device =
          inside.stream()
              .filter(event -> event.get("cat").asText().equals("device"))
              .findFirst()
              .orElseThrow();
      // Preparing and copying may have filled the span, so that the last part is cut.
      assertTrue(device.get("dur").doubleValue() <= millis * 1000 + ROUNDING, device.toString());
    }
  }

  private static boolean lies(JsonNode inner, JsonNode outer) {
    return begin(inner) >= begin(outer) - ROUNDING && end(inner) <= end(outer) + ROUNDING;
  }

  private static double begin(JsonNode event) {
    return event.get("ts").doubleValue();
  }

  private static double end(JsonNode event) {
    return begin(event) + event.get("dur").doubleValue();
  }
}
