// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.toolkit.io.ChildProcess;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.io.OutputFile;

/** What machine, JVM and revision a result comes from. */
public final class Environment {
  private static final Duration TIME_OUT = Duration.ofSeconds(5);
  private static final String COMMIT = findCommit();
  private static final String HOST = findHost();

  private Environment() {}

  /** Everything that {@code environment.json} says. */
  static Map<String, Object> describe(
      List<String> commandLine, Map<String, AttentionKernel> kernels) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("timestamp", Instant.now().toString());
    all.put("commit", commit());
    all.put("command", String.join(" ", commandLine));
    Map<String, Object> machine = new LinkedHashMap<>();
    machine.put("host", host());
    machine.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    machine.put("arch", System.getProperty("os.arch"));
    machine.put("cpu", cpuModel());
    machine.put("processors", Runtime.getRuntime().availableProcessors());
    machine.put("memory_mib", Memory.total() >> 20);
    all.put("machine", machine);
    Map<String, Object> jvm = new LinkedHashMap<>();
    jvm.put("name", System.getProperty("java.vm.name"));
    jvm.put("version", System.getProperty("java.vm.version"));
    jvm.put("vendor", System.getProperty("java.vendor"));
    jvm.put("max_heap_mib", Runtime.getRuntime().maxMemory() >> 20);
    // TornadoVM's SDK opens some 500 packages, which say nothing of the measurement.
    jvm.put(
        "flags",
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(flag -> !flag.matches("--add-(exports|opens|reads)=.*"))
            .toList());
    all.put("jvm", jvm);
    all.put("tornadovm_sdk", System.getProperty("lvsa.tornado.sdk"));
    all.put(
        "driver", output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"));
    all.put(
        "kernels",
        kernels.entrySet().stream()
            .map(k -> Map.of("backend", k.getKey(), "device", k.getValue().device()))
            .toList());
    return all;
  }

  /**
   * Writes the machine, the JVM and the revision as JSON, as {@code environment.json} has them.
   *
   * @throws IOException if the file cannot be written
   */
  public static void write(Path file, List<String> commandLine) throws IOException {
    byte[] json =
        Json.mapper()
            .writer(SerializationFeature.INDENT_OUTPUT)
            .writeValueAsBytes(describe(commandLine, Map.of()));
    OutputFile.write(file, out -> out.write(json));
  }

  private static String cpuModel() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown");
    } catch (IOException e) {
      return "unknown";
    }
  }

  /** The machine's name; {@code unknown} if it has none. */
  static String host() {
    return HOST;
  }

  private static String findHost() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException e) {
      String name = System.getenv().getOrDefault("HOSTNAME", System.getenv("COMPUTERNAME"));
      return name == null ? "unknown" : name;
    }
  }

  /** The JVM's name and version. */
  static String jvm() {
    return System.getProperty("java.vm.name") + " " + System.getProperty("java.vm.version");
  }

  /** The toolkit's revision: {@code git rev-parse}, with {@code -dirty} for uncommitted changes. */
  public static String commit() {
    return COMMIT;
  }

  private static String findCommit() {
    String home = System.getProperty("lvsa.home", ".");
    String revision = output("git", "-C", home, "rev-parse", "--short=12", "HEAD");
    if (revision.isEmpty()) {
      return "unknown";
    }
    boolean clean =
        output("git", "-C", home, "status", "--porcelain", "--untracked-files=no").isEmpty();
    return clean ? revision : revision + "-dirty";
  }

  /** What a command prints; empty if it fails, does not exist, or does not end in time. */
  private static String output(String... command) {
    try {
      ChildProcess.Result result = ChildProcess.run(TIME_OUT, command);
      return result.succeeded() ? result.output().strip() : "";
    } catch (IOException e) {
      return "";
    }
  }
}
