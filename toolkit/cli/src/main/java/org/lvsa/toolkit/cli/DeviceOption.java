// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.Locale;
import picocli.CommandLine.Option;

/** {@code --device} and {@code --kernel}, for the commands that run kernels. */
final class DeviceOption {
  @Option(
      names = "--device",
      paramLabel = "DRIVER:INDEX",
      description = "TornadoVM device for the backend tornado (default: the fastest GPU)")
  private void device(String device) {
    System.setProperty("lvsa.device", device);
  }

  enum Kernel {
    AUTO,
    PORTABLE,
    TENSORCORE
  }

  @Option(
      names = "--kernel",
      description =
          "kernel of the backend tornado, ${COMPLETION-CANDIDATES} (default: the fastest that device,"
              + " dtype and headDim allow)")
  private void kernel(Kernel kernel) {
    System.setProperty("lvsa.kernel", kernel.name().toLowerCase(Locale.ROOT));
  }
}
