// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionBackend.Device;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.io.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "devices",
    description = "Lists every backend, whether it can run here, and if not, why.",
    mixinStandardHelpOptions = true,
    footer = {"", "Example:", "  ./lvsa devices --format json"})
final class DevicesCommand implements Callable<Integer> {
  enum Format {
    TEXT,
    JSON
  }

  @Spec private CommandSpec spec;

  @Option(
      names = "--format",
      defaultValue = "text",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private Format format;

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    ArrayNode all = Json.array();
    for (Backends.Listed listed : Backends.listed()) {
      ObjectNode node = all.addObject().put("backend", listed.name());
      switch (listed.availability()) {
        case Availability.Available(String device) ->
            node.put("available", true).put("device", device);
        case Availability.Unavailable(String reason) ->
            node.put("available", false).put("reason", reason);
      }
      for (Device device : listed.devices()) {
        node.withArray("devices")
            .addObject()
            .put("id", device.id())
            .put("name", device.name())
            .put("memory_mib", device.memoryBytes() >> 20)
            .put("kernels", String.join(", ", device.kernels()))
            .put("chosen", device.chosen())
            .put("own_process", device.ownProcess());
      }
    }
    if (format == Format.JSON) {
      out.println(all.toPrettyString());
    } else {
      all.forEach(node -> print(out, node));
    }
    out.flush();
    return 0;
  }

  private static void print(PrintWriter out, JsonNode node) {
    out.printf(
        Locale.ROOT,
        "%-10s %-4s %s%n",
        node.get("backend").textValue(),
        node.get("available").booleanValue() ? "yes" : "no",
        node.path(node.has("device") ? "device" : "reason").textValue());
    for (JsonNode device : node.path("devices")) {
      out.printf(
          Locale.ROOT,
          "%14s %s %s, %d MiB, kernels: %s%s%n",
          device.get("chosen").booleanValue() ? "*" : "",
          device.get("id").textValue(),
          device.get("name").textValue(),
          device.get("memory_mib").intValue(),
          device.get("kernels").textValue(),
          device.get("own_process").booleanValue() ? "; in a process of its own" : "");
    }
  }
}
