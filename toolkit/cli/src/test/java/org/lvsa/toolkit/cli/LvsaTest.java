// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.ChildProcess;
import picocli.CommandLine;

class LvsaTest {

  @ParameterizedTest
  @ValueSource(strings = {"devices", "pattern", "attend", "sweep", "report"})
  void everyCommandShowsAnExample(String command) {
    Run run = Run.lvsa(command, "--help");
    assertEquals(0, run.code());
    assertTrue(run.out().contains("Example"), run.out());
    assertTrue(run.out().contains("./lvsa " + command), run.out());
  }

  /**
   * Picocli formats a help's first and last lines, and warns of a percent sign that is not doubled.
   */
  @TestFactory
  Stream<DynamicTest> everyLineOfAHelpCanBeFormatted() {
    return Lvsa.commandLine(Map.of()).getSubcommands().entrySet().stream()
        .map(
            command ->
                DynamicTest.dynamicTest(
                    command.getKey(),
                    () -> {
                      var usage = command.getValue().getCommandSpec().usageMessage();
                      Stream.of(usage.description(), usage.footer())
                          .flatMap(Stream::of)
                          .forEach(line -> assertDoesNotThrow(() -> String.format(line), line));
                    }));
  }

  @Test
  void aMissingOrUnknownCommandIsBadInput() {
    assertEquals(2, Run.lvsa().code());
    Run run = Run.lvsa("swep");
    assertEquals(2, run.code());
    assertTrue(run.err().startsWith("lvsa: "), run.err());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          swep                     | unknown command swep, the nearest is sweep
          pattern --latent-frame 3 | unknown option --latent-frame, the nearest is --latent-frames
          """)
  void aMistypedNameIsAnsweredWithTheNearest(String line, String message) {
    Run run = Run.lvsa((Object[]) line.split(" "));
    assertEquals(2, run.code());
    assertTrue(run.err().contains(message), run.err());
  }

  @Test
  void aHugeArgumentIsNotRepeated() {
    String huge = "x".repeat(100_000);
    for (Object[] line :
        new Object[][] {
          {huge},
          {"--" + huge},
          {"pattern", "--latent-frames", huge},
          {"pattern", "--model", huge, "--frames", 81, "--resolution", "832x480"},
          {"pattern", "--model", "wan2.1-1.3b", "--frames", 81, "--resolution", huge},
          {"attend", huge, "out"},
          {"attend", "in", "out", "--backend", huge},
          {"config", "--set", "LVSA_WINDOW_SIZE=" + huge},
          {"config", "--set", huge + "=1"},
          {"devices", "--format", huge},
          {"report", huge}
        }) {
      Run run = Run.lvsa(line);
      assertEquals(
          line[0].equals("config") && line[2].toString().endsWith("=1") ? 0 : 2, run.code());
      assertTrue(run.err().length() < 1500, run.err().length() + " characters: " + line[0]);
      assertTrue(run.err().lines().count() <= 4, run.err());
    }
  }

  @Test
  void everyVariableIsRefusedByConfigWhereItIsWrongAndReadWhereItIsRight() {
    Map<String, String> right =
        Map.of(
            "LVSA_SPARSITY_SCALE", "0.5",
            "LVSA_BACKEND", "vector",
            "LVSA_DTYPE", "bf16",
            "LVSA_MASK_LOG", "once",
            "DIFFUSION_ATTENTION_BACKEND", "LVSA");
    for (Setting<?> setting : Setting.all()) {
      String name = setting.name();
      String value = right.getOrDefault(name, "1");
      Run read = Run.with(Map.of(name, value), "config");
      assertEquals(0, read.code(), read.err());
      assertTrue(read.out().matches("(?s).*" + name + " +" + value + " +environment\n.*"), name);
      // Only what was typed goes before it.
      Run typed = Run.with(Map.of(name, value), "config", "--set", "LVSA_N_BLOCKS=7");
      assertTrue(
          name.equals("LVSA_N_BLOCKS")
              || typed.out().matches("(?s).*" + name + " +" + value + " +environment\n.*"),
          name);
      if (!setting.allowed().equals("text") && !name.equals("DIFFUSION_ATTENTION_BACKEND")) {
        Run refused = Run.with(Map.of(name, "-x-"), "config");
        assertEquals(2, refused.code(), name);
        assertTrue(refused.err().startsWith("lvsa: " + name + " must be "), refused.err());
        assertEquals(1, refused.err().lines().count(), refused.err());
      }
    }
  }

  @CommandLine.Command(name = "fail")
  static final class Failing implements Runnable {
    @Override
    public void run() {
      throw new OutOfMemoryError("Java heap space");
    }
  }

  @Test
  void anErrorEndsInOneLine() {
    CommandLine command = Lvsa.commandLine(Map.of()).addSubcommand(new Failing());
    StringWriter err = new StringWriter();
    int code = command.setErr(new PrintWriter(err, true)).execute("fail");
    assertEquals(1, code);
    assertEquals(
        "lvsa: this needs more memory than is free here: Java heap space\n"
            + "Set LVSA_DEBUG=1 for the stack trace.\n",
        err.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"config", "devices", "pattern --latent-frames 9 --patches-per-frame 4"})
  void outputThatCannotBeWrittenIsFailure(String line) throws IOException {
    assumeTrue(Files.exists(Path.of("/dev/full")), "there is no /dev/full");
    ChildProcess.Result full = shell(java(line) + " >/dev/full");
    assertEquals(1, full.exitCode(), full.errors());
    assertTrue(
        full.errors().contains("lvsa: cannot write to standard output: No space left on device\n"),
        full.errors());
  }

  @Test
  void aReaderThatWantsNoMoreIsNoFailure() throws IOException {
    ChildProcess.Result piped = shell("(" + java("config") + "; echo code $? >&2) | true");
    assertEquals("code 0\n", piped.errors().lines().reduce((a, b) -> b).orElse("") + "\n");
    assertFalse(piped.errors().contains("cannot write"), piped.errors());
  }

  private static String java(String line) {
    return "%s/bin/java -cp '%s' --add-modules=jdk.incubator.vector org.lvsa.toolkit.cli.Lvsa %s"
        .formatted(System.getProperty("java.home"), System.getProperty("java.class.path"), line);
  }

  private static ChildProcess.Result shell(String command) throws IOException {
    return ChildProcess.run(Duration.ofSeconds(60), "sh", "-c", command);
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
