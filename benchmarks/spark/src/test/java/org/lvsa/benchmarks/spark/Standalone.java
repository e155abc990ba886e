// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A standalone master and two workers of one core each, as processes of this machine. */
final class Standalone implements AutoCloseable {
  private static final Pattern MASTER = Pattern.compile("spark://127\\.0\\.0\\.1:(\\d+)");

  private final List<Process> processes = new ArrayList<>();
  private String master = "";

  private Standalone() {}

  static Standalone start(Path directory) throws IOException {
    return start(directory, worker -> List.of());
  }

  /**
   * Starts a cluster.
   *
   * @param options further ones of a worker, by its name: {@code one} or {@code two}
   */
  static Standalone start(Path directory, Function<String, List<String>> options)
      throws IOException {
    Standalone standalone = new Standalone();
    try {
      Path log = directory.resolve("master.log");
      Process master =
          java(
              log,
              List.of(
                  "org.apache.spark.deploy.master.Master",
                  "--host",
                  "127.0.0.1",
                  "--port",
                  "0",
                  "--webui-port",
                  "0"));
      standalone.processes.add(master);
      standalone.master = "spark://127.0.0.1:" + port(log, master);
      for (String worker : List.of("one", "two")) {
        List<String> line =
            new ArrayList<>(
                List.of(
                    "org.apache.spark.deploy.worker.Worker",
                    "--host",
                    "127.0.0.1",
                    "--cores",
                    "1",
                    "--memory",
                    "1g",
                    "--webui-port",
                    "0",
                    "--work-dir",
                    directory.resolve("work-" + worker).toString()));
        line.addAll(options.apply(worker));
        line.add(standalone.master);
        standalone.processes.add(java(directory.resolve(worker + ".log"), line));
      }
      return standalone;
    } catch (IOException | RuntimeException e) {
      standalone.close();
      throw e;
    }
  }

  private static String port(Path log, Process master) throws IOException {
    while (master.isAlive()) {
      Matcher said = MASTER.matcher(Files.exists(log) ? Files.readString(log) : "");
      if (said.find() && !said.group(1).equals("0")) {
        return said.group(1);
      }
      pause();
    }
    throw new IOException("the master ended: " + Files.readString(log));
  }

  String master() {
    return master;
  }

  /** Starts a JVM with the class path of the tests. */
  static Process java(Path log, List<String> arguments) throws IOException {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(
        List.of(
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"));
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    line.addAll(List.of("-cp", classPath));
    line.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(line).redirectErrorStream(true);
    builder.environment().put("LVSA_SPARK_CLASSPATH", classPath);
    return builder.redirectOutput(log.toFile()).start();
  }

  /** Kills one of the executors: the JVMs that a worker has started. */
  void killAnExecutor() {
    processes.stream()
        .flatMap(Process::children)
        .filter(child -> child.info().command().orElse("").endsWith("/java"))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no executor runs"))
        .destroyForcibly();
  }

  static void pause() {
    try {
      Thread.sleep(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /**
   * Ends everything and waits for it: what still runs would write into a folder that is removed.
   */
  @Override
  public void close() {
    // The master first, which would have ended executors replaced, and workers before executors.
    for (Process process : processes) {
      List<ProcessHandle> all =
          Stream.concat(Stream.of(process.toHandle()), process.descendants()).toList();
      all.forEach(ProcessHandle::destroyForcibly);
      all.forEach(one -> one.onExit().join());
    }
  }
}
