// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.List;
import java.util.Optional;

/**
 * What a caller may choose when it opens a backend. A backend refuses every value that it does not
 * have, so that a typing error never becomes a measurement of something else.
 *
 * @param device the id of a device, as {@link AttentionBackend#devices} lists it; empty for the
 *     backend's own choice
 * @param kernel the name of one of the kernels of that device; empty for the fastest kernel that
 *     shape and dtype allow
 * @param precision of the scores; no backend chooses less than is asked for
 */
public record KernelOptions(Optional<String> device, Optional<String> kernel, Precision precision) {
  /** The backend chooses device and kernel. */
  public static final KernelOptions DEFAULT = new KernelOptions(Optional.empty(), Optional.empty());

  private static final int LONGEST_QUOTE = 200;

  /** A choice of device and kernel, in full precision. */
  public KernelOptions(Optional<String> device, Optional<String> kernel) {
    this(device, kernel, Precision.FULL);
  }

  /** The same kernel on a device. */
  public KernelOptions onDevice(String id) {
    return new KernelOptions(Optional.of(id), kernel, precision);
  }

  /** The same device and kernel with another precision. */
  public KernelOptions with(Precision other) {
    return new KernelOptions(device, kernel, other);
  }

  /**
   * Refuses a device or a kernel that a backend does not have, and any precision but the full one.
   *
   * @param backend the backend's name, for the message
   * @param devices the ids of its devices; empty if there is nothing to choose
   * @param kernels the names of its kernels; empty if there is nothing to choose
   * @throws IllegalArgumentException with the values that are allowed
   */
  public void check(String backend, List<String> devices, List<String> kernels) {
    device.ifPresent(id -> check(backend, "device", id, devices));
    kernel.ifPresent(name -> check(backend, "kernel", name, kernels));
    if (precision != Precision.FULL) {
      throw new IllegalArgumentException("backend " + backend + " has no precision " + precision);
    }
  }

  private static void check(String backend, String what, String value, List<String> allowed) {
    if (!allowed.contains(value)) {
      String quoted =
          value.length() <= LONGEST_QUOTE ? value : value.substring(0, LONGEST_QUOTE) + "…";
      throw new IllegalArgumentException(
          "backend "
              + backend
              + " has no "
              + what
              + " "
              + quoted
              + (allowed.isEmpty()
                  ? ": it has only one " + what + ", leave the choice out"
                  : ", allowed are " + String.join(", ", allowed)));
    }
  }
}
