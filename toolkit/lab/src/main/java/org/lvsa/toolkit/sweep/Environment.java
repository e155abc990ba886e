// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionKernel;

/** What machine, JVM and revision a result comes from. */
public final class Environment {
  private Environment() {}

  /** Everything that {@code environment.json} says. */
  static Map<String, Object> describe(
      List<String> commandLine, Map<String, AttentionKernel> kernels) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("timestamp", Instant.now().toString());
    all.put("commit", commit());
    all.put("command", String.join(" ", commandLine));
    Map<String, Object> machine = new LinkedHashMap<>();
    machine.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    machine.put("arch", System.getProperty("os.arch"));
    machine.put("cpu", cpuModel());
    machine.put("processors", Runtime.getRuntime().availableProcessors());
    machine.put("memory_mib", totalMemory() >> 20);
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

  /** Writes the machine, the JVM and the revision as JSON, as {@code environment.json} has them. */
  public static void write(Path file, List<String> commandLine) throws IOException {
    Files.write(
        file,
        new ObjectMapper()
            .writerWithDefaultPrettyPrinter()
            .writeValueAsBytes(describe(commandLine, Map.of())));
  }

  /** Memory that this process can still take, in bytes. */
  public static long availableMemory() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst()
          .orElseGet(Environment::freeMemory);
    } catch (IOException e) {
      return freeMemory();
    }
  }

  private static long freeMemory() {
    return operatingSystem().getFreeMemorySize();
  }

  private static long totalMemory() {
    return operatingSystem().getTotalMemorySize();
  }

  private static com.sun.management.OperatingSystemMXBean operatingSystem() {
    return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class);
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

  /** The toolkit's revision: {@code git rev-parse}, with {@code -dirty} for uncommitted changes. */
  static String commit() {
    String home = System.getProperty("lvsa.home", ".");
    String revision = output("git", "-C", home, "rev-parse", "--short=12", "HEAD");
    if (revision.isEmpty()) {
      return "unknown";
    }
    boolean clean =
        output("git", "-C", home, "status", "--porcelain", "--untracked-files=no").isEmpty();
    return clean ? revision : revision + "-dirty";
  }

  /** What a command prints; empty if it fails or does not exist. */
  private static String output(String... command) {
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      return process.waitFor(5, TimeUnit.SECONDS) && process.exitValue() == 0 ? output : "";
    } catch (IOException e) {
      return "";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    }
  }
}
