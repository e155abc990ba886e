// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.backend;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.io.Messages;

/**
 * Devices for workers that run side by side: ranks of one video, or processes of a sweep. The
 * workers take them in turn, and begin again where there are more workers than devices.
 *
 * <p>A process of its own can be shown a single device, whatever else the machine has: {@link
 * #onlyVisible} are the variables for it, and {@link #idAlone} is what the device is called there.
 *
 * @param ids {@code DRIVER:INDEX}, as {@code lvsa devices} lists them; at least one, none twice
 */
public record DeviceList(List<String> ids) {
  /** CUDA's list of the devices that a process may see, by number or name, joined by commas. */
  private static final String CUDA = "CUDA_VISIBLE_DEVICES";

  /** PoCL's list of the devices that a process gets, by driver, joined by blanks. */
  private static final String POCL = "POCL_DEVICES";

  /**
   * Checks the ids and copies them.
   *
   * @throws IllegalArgumentException naming the id that is wrong
   */
  public DeviceList {
    ids = List.copyOf(ids);
    for (String id : ids) {
      if (!id.matches("\\d{1,4}:\\d{1,4}")) {
        throw new IllegalArgumentException(
            "--devices must be DRIVER:INDEX joined by commas, such as 0:0,0:1, got "
                + Messages.cut(id));
      }
    }
    if (ids.isEmpty() || new HashSet<>(ids).size() != ids.size()) {
      throw new IllegalArgumentException(
          "--devices must name each device once, got " + Messages.cut(String.join(",", ids)));
    }
  }

  /**
   * Reads ids joined by commas.
   *
   * @throws IllegalArgumentException naming the id that is wrong
   */
  public static DeviceList parse(String text) {
    return new DeviceList(Stream.of(text.split(",", -1)).map(String::strip).toList());
  }

  /**
   * The devices of a backend that are like the one it takes by itself: of the same driver and name.
   *
   * @param devices all of the backend's, of which one is chosen
   */
  public static DeviceList alike(List<AttentionBackend.Device> devices) {
    AttentionBackend.Device chosen =
        devices.stream().filter(AttentionBackend.Device::chosen).findFirst().orElseThrow();
    Stream<String> others =
        devices.stream()
            .filter(device -> !device.chosen() && device.name().equals(chosen.name()))
            .map(AttentionBackend.Device::id)
            .filter(id -> driver(id).equals(driver(chosen.id())));
    return new DeviceList(Stream.concat(Stream.of(chosen.id()), others).toList());
  }

  /**
   * Refuses devices that a backend does not have.
   *
   * @throws IllegalArgumentException naming the first of them, and those that the backend has
   */
  public void requireOf(AttentionBackend backend) {
    List<String> known = backend.devices().stream().map(AttentionBackend.Device::id).toList();
    for (String id : ids) {
      KernelOptions.DEFAULT.onDevice(id).check(backend.name(), known, List.of());
    }
  }

  /** The device of a worker, numbered from 0. */
  public String of(int worker) {
    return ids.get(worker % ids.size());
  }

  /** What a device is called in a process that sees no other one of its driver. */
  public static String idAlone(String id) {
    return driver(id) + ":0";
  }

  /**
   * Variables for a process that is to see one device alone. Where this process itself sees a
   * choice of the machine's devices, the index counts among these.
   *
   * @param environment this process's variables
   */
  public static Map<String, String> onlyVisible(String id, Map<String, String> environment) {
    int index = Integer.parseInt(id.substring(id.indexOf(':') + 1));
    String[] pocl = environment.getOrDefault(POCL, "").strip().split("\\s+");
    Arrays.sort(pocl); // PoCL lists basic before pthread, whatever the order here
    if (pocl.length > index && !pocl[0].isEmpty()) {
      return Map.of(POCL, pocl[index]);
    }
    String[] cuda = environment.getOrDefault(CUDA, "").split(",");
    boolean chosen = cuda.length > index && !cuda[0].isBlank();
    return Map.of(CUDA, chosen ? cuda[index].strip() : Integer.toString(index));
  }

  private static String driver(String id) {
    return id.substring(0, id.indexOf(':'));
  }

  /** The ids joined by commas, as they are read. */
  @Override
  public String toString() {
    return String.join(",", ids);
  }
}
