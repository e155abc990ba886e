// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.toolkit.backend.DeviceList;
import org.lvsa.toolkit.io.ChildJvm;
import org.lvsa.toolkit.io.ChildProcess;
import org.lvsa.toolkit.io.Json;

/**
 * Several devices of this machine, each of which measures a group at a time in a JVM that sees no
 * other device. A group goes to the device that is free first.
 */
public final class DeviceProcesses implements ClusterSweep.Cluster {
  /** Nobody knows how long a group takes; a process that hangs for so long is lost. */
  private static final Duration LONGEST = Duration.ofDays(2);

  private final DeviceList devices;
  private final BlockingQueue<String> free;

  /** Takes the devices as they are: whether backends have them was checked before. */
  public DeviceProcesses(DeviceList devices) {
    this.devices = devices;
    free = new LinkedBlockingQueue<>(devices.ids());
  }

  /** What a process is to measure: a file that this JVM writes and that one reads. */
  record Request(SweepSettings group, String inputSha256, String device) {}

  @Override
  public String name() {
    return Environment.host();
  }

  @Override
  public int groupsAtOnce() {
    return devices.ids().size();
  }

  @Override
  public Map<String, Object> describe() {
    Map<String, Object> words = new LinkedHashMap<>();
    words.put("devices", devices.ids());
    return words;
  }

  @Override
  public GroupMeasurement measure(SweepSettings group, String inputSha256)
      throws IOException, InterruptedException {
    String device = free.take();
    Path request = Files.createTempFile("lvsa-group", ".json");
    Path result = Files.createTempFile("lvsa-measured", ".json");
    try {
      Request asked = new Request(group.toBuilder().device(device).build(), inputSha256, device);
      Files.write(request, Json.mapper().writeValueAsBytes(asked));
      Map<String, String> environment =
          new LinkedHashMap<>(DeviceList.onlyVisible(device, System.getenv()));
      environment.put(AttentionBackend.Device.ALONE, device);
      ChildProcess.Result ended =
          ChildProcess.run(
              LONGEST,
              environment,
              ChildJvm.command(
                  DeviceWorker.class.getName(), List.of(request.toString(), result.toString())));
      if (!ended.succeeded()) {
        throw new IOException(
            "the process on device "
                + device
                + " ended with exit code "
                + ended.exitCode()
                + ": "
                + lastLine(ended.errors()));
      }
      return Json.read(result, GroupMeasurement.class);
    } finally {
      Files.deleteIfExists(request);
      Files.deleteIfExists(result);
      free.add(device);
    }
  }

  private static String lastLine(String errors) {
    return errors
        .lines()
        .filter(line -> !line.isBlank())
        .reduce((before, line) -> line)
        .orElse("it says nothing");
  }

  /** Nothing is left: a process ends with its group, or with the thread that waits for it. */
  @Override
  public void close() {}
}
