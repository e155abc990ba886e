// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import picocli.CommandLine.Option;

/** {@code --device}, for the commands that run kernels. */
final class DeviceOption {
  @Option(
      names = "--device",
      paramLabel = "DRIVER:INDEX",
      description = "TornadoVM device for the backend tornado (default: the fastest GPU)")
  private void device(String device) {
    System.setProperty("lvsa.device", device);
  }
}
