// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
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
 * @param preferred whether it is the default device of its driver
 */
record TornadoTarget(String id, TornadoDevice device, boolean preferred) {
  private static final Pattern CUDA_VERSION =
      Pattern.compile("Device version\\s*:\\s*CUDA (\\d+)\\.");

  /**
   * The device that is taken if nobody names one: a GPU before other devices, among them one whose
   * tensor cores TornadoVM can use, among those the one with the most compute units.
   *
   * @throws IllegalStateException if there is none
   */
  static TornadoTarget chosen() {
    return all().stream()
        .filter(device -> device.unusable().isEmpty())
        .max(
            Comparator.comparing(TornadoTarget::gpu)
                .thenComparing(TornadoTarget::tensorCores)
                .thenComparing(d -> d.device().getPhysicalDevice().getDeviceMaxComputeUnits()))
        .orElseThrow(() -> new IllegalStateException("TornadoVM found no device"));
  }

  /** Every device of every driver of the SDK. */
  static List<TornadoTarget> all() {
    List<TornadoTarget> all = new ArrayList<>();
    List<TornadoBackend> drivers = TornadoExecutionPlan.getTornadoDeviceMap().getAllBackends();
    for (int driver = 0; driver < drivers.size(); driver++) {
      TornadoBackend devices = drivers.get(driver);
      for (int index = 0; index < devices.getNumDevices(); index++) {
        TornadoDevice device = devices.getDevice(index);
        boolean preferred = device.equals(devices.getDefaultDevice());
        all.add(new TornadoTarget(driver + ":" + index, device, preferred));
      }
    }
    return all;
  }

  /** Why kernels cannot run on the device; empty if they can. */
  Optional<String> unusable() {
    return preferred
        ? Optional.empty()
        : Optional.of(
            "TornadoVM analyses kernels for its driver's default device only, and then finds no code"
                + " for another one");
  }

  /**
   * Refuses a device that kernels cannot run on.
   *
   * @throws IllegalArgumentException with the reason
   */
  void checkUsable() {
    unusable()
        .ifPresent(
            reason -> {
              throw new IllegalArgumentException("device " + id + " cannot be used: " + reason);
            });
  }

  /** Whether the device is a GPU. */
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
