// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;

/** The JVM that {@link DeviceProcesses} starts for one group. */
public final class DeviceWorker {
  private DeviceWorker() {}

  /**
   * Measures.
   *
   * @param files the request's, and the one that takes what was measured
   */
  public static void main(String[] files) {
    Locale.setDefault(Locale.ROOT);
    // Nobody waits for the result of a process whose parent has ended.
    ProcessHandle.current()
        .parent()
        .ifPresent(parent -> parent.onExit().thenRun(() -> Runtime.getRuntime().halt(1)));
    int code = 1;
    try {
      work(Path.of(files[0]), Path.of(files[1]));
      code = 0;
    } catch (IOException | RuntimeException | Error e) {
      System.err.println(Messages.oneLine(e.getMessage() == null ? e.toString() : e.getMessage()));
    }
    // TornadoVM's threads do not end by themselves.
    System.exit(code);
  }

  private static void work(Path asked, Path result) throws IOException {
    DeviceProcesses.Request request = Json.read(asked, DeviceProcesses.Request.class);
    GroupMeasurement measured =
        GroupMeasurement.measure(request.group(), request.inputSha256(), request.device());
    Files.write(result, Json.mapper().writeValueAsBytes(measured));
  }
}
