// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.Locale;
import java.util.Optional;
import org.lvsa.kernels.KernelOptions;
import picocli.CommandLine.Option;

/** {@code --device} and {@code --kernel}, for the commands that run kernels. */
final class DeviceOption {
  enum Kernel {
    AUTO,
    PORTABLE,
    TENSORCORE
  }

  @Option(
      names = "--device",
      paramLabel = "DRIVER:INDEX",
      description = "device of the backend, as ./lvsa devices lists it (default: the fastest GPU)")
  private String device;

  @Option(
      names = "--kernel",
      description =
          "kernel of the backend tornado, ${COMPLETION-CANDIDATES} (default: the fastest that device,"
              + " dtype and headDim allow)")
  private Kernel kernel;

  /** The device and the kernel that the user chose. A backend refuses one that it does not have. */
  KernelOptions options() {
    return new KernelOptions(
        Optional.ofNullable(device),
        Optional.ofNullable(kernel)
            .filter(k -> k != Kernel.AUTO)
            .map(k -> k.name().toLowerCase(Locale.ROOT)));
  }
}
