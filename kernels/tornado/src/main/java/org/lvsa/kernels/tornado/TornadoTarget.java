// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.kernels.AttentionBackend;
import uk.ac.manchester.tornado.api.TornadoBackend;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;

/**
 * A device of TornadoVM.
 *
 * @param id {@code DRIVER:INDEX}, what users call it
 * @param place {@code DRIVER:INDEX}, as TornadoVM counts the devices of this process
 * @param device TornadoVM's handle
 */
record TornadoTarget(String id, String place, TornadoDevice device) {
  private static final Pattern CUDA_VERSION =
      Pattern.compile("Device version\\s*:\\s*CUDA (\\d+)\\.");

  // TornadoVM reads these once, when its classes are first used, which is behind this one.
  static {
    // TornadoVM's own limit is 4 GB, whatever the device has. The kernel refuses what does not
    // fit the device, and gives every plan the limit that its buffers need.
    setUnlessGiven("tornado.device.memory", "1024GB");
    // What TornadoVM makes of a task graph has room for 4096 bytes; a transformer's graphs, and a
    // VAE's, need more.
    setUnlessGiven("tornado.tvm.maxbytecodesize", Integer.toString(1 << 18));
    // TornadoVM keeps a list of events for every node of a graph, and clears all of them whenever
    // the graph runs, used or not: with its own 32768 for each, 26 MB for a block of a transformer.
    // A node waits for other nodes of its graph, of which there are some hundreds.
    setUnlessGiven("tornado.max.events", "1024");
  }

  /**
   * The device that is taken if nobody names one: a GPU before other devices, among them one whose
   * tensor cores TornadoVM can use, among those the one with the most compute units.
   *
   * @throws IllegalStateException if there is none
   */
  static TornadoTarget chosen() {
    return all().stream()
        .filter(device -> !device.ownProcess())
        .max(
            Comparator.comparing(TornadoTarget::gpu)
                .thenComparing(TornadoTarget::tensorCores)
                .thenComparing(d -> d.device().getPhysicalDevice().getDeviceMaxComputeUnits()))
        .orElseThrow(() -> new IllegalStateException("TornadoVM found no device"));
  }

  private static void setUnlessGiven(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /** Every device of every driver of the SDK. */
  static List<TornadoTarget> all() {
    String alone = System.getenv().getOrDefault(AttentionBackend.Device.ALONE, "");
    List<TornadoTarget> all = new ArrayList<>();
    List<TornadoBackend> drivers = TornadoExecutionPlan.getTornadoDeviceMap().getAllBackends();
    for (int driver = 0; driver < drivers.size(); driver++) {
      TornadoBackend devices = drivers.get(driver);
      for (int index = 0; index < devices.getNumDevices(); index++) {
        String place = driver + ":" + index;
        all.add(
            new TornadoTarget(
                id(place, devices.getNumDevices(), alone), place, devices.getDevice(index)));
      }
    }
    return all;
  }

  /**
   * What users call a device.
   *
   * @param devices number of devices of its driver
   * @param alone what the process that started this one calls the only device of a driver, or empty
   */
  static String id(String place, int devices, String alone) {
    String driver = place.substring(0, place.indexOf(':'));
    return devices == 1 && alone.matches(driver + ":\\d{1,4}") ? alone : place;
  }

  /**
   * Whether only a process that sees no other device of the driver can run on this one. TornadoVM's
   * CUDA backend has one context for the whole process, on the first device: work for another one
   * would run there, under a wrong name.
   */
  boolean ownProcess() {
    return cuda() && !place.endsWith(":0");
  }

  /**
   * Refuses a device that this process cannot run on.
   *
   * @throws IllegalArgumentException that says what to do
   */
  void checkReachable() {
    if (ownProcess()) {
      throw new IllegalArgumentException(
          "device "
              + id
              + " needs a process that sees no other CUDA device: start this one with"
              + " CUDA_VISIBLE_DEVICES="
              + place.substring(place.indexOf(':') + 1)
              + " and "
              + AttentionBackend.Device.ALONE
              + "="
              + id);
    }
  }

  /** Whether the device is a GPU. */
  boolean gpu() {
    return device.getDeviceType() == TornadoDeviceType.GPU;
  }

  /** Whether TornadoVM reaches it by its CUDA backend. */
  boolean cuda() {
    return device.getTornadoVMBackend() == TornadoVMBackendType.CUDA;
  }

  /** Whether TornadoVM can use the device's tensor cores: CUDA, compute capability 8.0 or more. */
  boolean tensorCores() {
    if (!cuda()) {
      return false;
    }
    Matcher version = CUDA_VERSION.matcher(device.getPhysicalDevice().getDeviceInfo());
    return version.find() && Integer.parseInt(version.group(1)) >= 8;
  }

  /** Number of bytes of the device's memory. */
  long memory() {
    return device.getMaxGlobalMemory();
  }

  /** Driver and name. */
  String name() {
    return device.getTornadoVMBackend() + " " + device.getPhysicalDevice().getDeviceName().strip();
  }

  /** Driver, name, id and memory, for result rows and messages. */
  String description() {
    return String.format(
        Locale.ROOT,
        "%s %s (%s), %d MiB",
        device.getTornadoVMBackend(),
        device.getPhysicalDevice().getDeviceName().strip(),
        id,
        memory() >> 20);
  }
}
