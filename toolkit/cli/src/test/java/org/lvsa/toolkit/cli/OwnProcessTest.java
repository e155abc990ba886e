// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.KernelOptions;
import picocli.CommandLine.ParseResult;

class OwnProcessTest {
  /** Two cards, of which the second takes a process of its own. */
  private static final AttentionBackend CARDS =
      new AttentionBackend() {
        @Override
        public String name() {
          return "cards";
        }

        @Override
        public int speedRank() {
          return 0;
        }

        @Override
        public Availability availability() {
          return new Availability.Available("card");
        }

        @Override
        public List<Device> devices() {
          return List.of(
              new Device("3:0", "card", 1, List.of(), true, false),
              new Device("3:1", "card", 1, List.of(), false, true),
              new Device("3:2", "other", 1, List.of(), false, false));
        }

        @Override
        public AttentionKernel open(KernelOptions options) {
          throw new UnsupportedOperationException();
        }
      };

  private static Optional<Map<String, String>> environment(String... line) {
    ParseResult parsed = Lvsa.commandLine(Map.of()).parseArgs(line);
    return OwnProcess.environment(parsed.subcommand(), List.of(CARDS));
  }

  @Test
  void aDeviceThatNeedsOneGetsAProcessThatSeesItAlone() {
    assertEquals("3:1", environment("sweep", "--device", "3:1").orElseThrow().get("LVSA_DEVICE"));
    assertEquals(
        "1", environment("sweep", "--device=3:1").orElseThrow().get("CUDA_VISIBLE_DEVICES"));
  }

  @Test
  void otherDevicesAndOtherCommandsRunHere() {
    assertEquals(Optional.empty(), environment("sweep", "--device", "3:0"));
    assertEquals(Optional.empty(), environment("sweep", "--device", "3:2"));
    assertEquals(Optional.empty(), environment("sweep", "--device", "3:7"));
    assertEquals(Optional.empty(), environment("sweep", "--device", "cuda"));
    assertEquals(Optional.empty(), environment("sweep"));
    assertEquals(Optional.empty(), environment("devices"));
  }

  @Test
  void theProcessHasTheVariablesAndItsExitCodeIsTheCommands() throws Exception {
    assertEquals(0, OwnProcess.run(List.of("config"), Map.of()));
    assertEquals(2, OwnProcess.run(List.of("config"), Map.of("LVSA_WINDOW_SIZE", "wide")));
  }
}
