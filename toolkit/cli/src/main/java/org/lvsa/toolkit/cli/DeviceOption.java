// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.Locale;
import java.util.Optional;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;
import picocli.CommandLine.Option;

/**
 * {@code --device}, {@code --kernel} and {@code --precision}, for the commands that run kernels.
 */
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

  @Option(
      names = "--precision",
      defaultValue = "full",
      description =
          "${COMPLETION-CANDIDATES}: of the scores; int8 rounds queries and keys, which is faster on a"
              + " GPU with tensor cores and wrong by about 1 %%, needs --dtype f16 or bf16, and is never"
              + " chosen by itself (default: ${DEFAULT-VALUE})")
  private Precision precision;

  /** What the user chose. A backend refuses what it does not have. */
  KernelOptions options() {
    return new KernelOptions(
        Optional.ofNullable(device),
        Optional.ofNullable(kernel)
            .filter(k -> k != Kernel.AUTO)
            .map(k -> k.name().toLowerCase(Locale.ROOT)),
        precision);
  }
}
