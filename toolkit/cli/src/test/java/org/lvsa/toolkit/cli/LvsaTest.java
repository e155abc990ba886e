// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LvsaTest {

  @ParameterizedTest
  @ValueSource(strings = {"devices", "pattern", "attend", "sweep", "report"})
  void everyCommandShowsAnExample(String command) {
    Run run = Run.lvsa(command, "--help");
    assertEquals(0, run.code());
    assertTrue(run.out().contains("Example"), run.out());
    assertTrue(run.out().contains("./lvsa " + command), run.out());
  }

  @Test
  void aMissingOrUnknownCommandIsBadInput() {
    assertEquals(2, Run.lvsa().code());
    Run run = Run.lvsa("swep");
    assertEquals(2, run.code());
    assertTrue(run.err().startsWith("lvsa: "), run.err());
  }

  @Test
  void devicesListsEveryBackendWithItsDeviceOrReason() throws IOException {
    Run run = Run.lvsa("devices", "--format", "json");
    assertEquals(0, run.code(), run.err());
    JsonNode all = new ObjectMapper().readTree(run.out());
    for (String name : new String[] {"tornado", "vector", "nd4j", "reference"}) {
      boolean found = false;
      for (JsonNode node : all) {
        if (node.get("backend").textValue().equals(name)) {
          found = true;
          boolean available = node.get("available").booleanValue();
          assertFalse(node.path(available ? "device" : "reason").asText().isBlank(), name);
        }
      }
      assertTrue(found, name);
    }
    assertTrue(Run.lvsa("devices").out().contains("vector     yes"));
  }
}
