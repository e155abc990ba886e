// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import uk.ac.manchester.tornado.api.TornadoBackend;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;

/**
 * A device of TornadoVM.
 *
 * @param id {@code DRIVER:INDEX}, as TornadoVM counts them
 * @param device TornadoVM's handle
 */
record TornadoTarget(String id, TornadoDevice device) {
  private static final Pattern CUDA_VERSION =
      Pattern.compile("Device version\\s*:\\s*CUDA (\\d+)\\.");

  /**
   * The device that {@code -Dlvsa.device=DRIVER:INDEX} names, else a GPU whose tensor cores
   * TornadoVM can use, else the GPU with the most compute units, else the first device.
   *
   * @throws IllegalStateException if there is none, or not that one
   */
  static TornadoTarget chosen() {
    List<TornadoTarget> all = all();
    String wanted = System.getProperty("lvsa.device");
    if (wanted != null) {
      return all.stream()
          .filter(device -> device.id().equals(wanted))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalStateException(
                      "no TornadoVM device " + wanted + ", there are " + ids(all)));
    }
    return all.stream()
        .max(
            Comparator.comparing(TornadoTarget::gpu)
                .thenComparing(TornadoTarget::tensorCores)
                .thenComparing(d -> d.device().getPhysicalDevice().getDeviceMaxComputeUnits()))
        .orElseThrow(() -> new IllegalStateException("TornadoVM found no device"));
  }

  /** Every device of every backend of the SDK. */
  static List<TornadoTarget> all() {
    List<TornadoTarget> all = new ArrayList<>();
    List<TornadoBackend> drivers = TornadoExecutionPlan.getTornadoDeviceMap().getAllBackends();
    for (int driver = 0; driver < drivers.size(); driver++) {
      for (int index = 0; index < drivers.get(driver).getNumDevices(); index++) {
        all.add(new TornadoTarget(driver + ":" + index, drivers.get(driver).getDevice(index)));
      }
    }
    return all;
  }

  private static String ids(List<TornadoTarget> devices) {
    return String.join(", ", devices.stream().map(TornadoTarget::id).toList());
  }

  boolean gpu() {
    return device.getDeviceType() == TornadoDeviceType.GPU;
  }

  /** Whether TornadoVM can use the device's tensor cores: CUDA, compute capability 8.0 or more. */
  boolean tensorCores() {
    if (device.getTornadoVMBackend() != TornadoVMBackendType.CUDA) {
      return false;
    }
    Matcher version = CUDA_VERSION.matcher(device.getPhysicalDevice().getDeviceInfo());
    return version.find() && Integer.parseInt(version.group(1)) >= 8;
  }

  /** Bytes of the device's memory. */
  long memory() {
    return device.getMaxGlobalMemory();
  }

  /** Backend and name. */
  String name() {
    return device.getTornadoVMBackend() + " " + device.getPhysicalDevice().getDeviceName().strip();
  }

  /** For a result row: backend, name and memory. */
  String description() {
    return String.format(
        "%s %s (%s), %d MiB",
        device.getTornadoVMBackend(),
        device.getPhysicalDevice().getDeviceName().strip(),
        id,
        memory() >> 20);
  }
}
