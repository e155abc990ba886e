// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import picocli.CommandLine.Option;

/** The option that says where the transformer runs. */
final class TransformerOption {
  /** Where the transformer runs. */
  enum Place {
    CPU,
    DEVICE
  }

  @Option(
      names = "--transformer",
      defaultValue = "cpu",
      description =
          "${COMPLETION-CANDIDATES}: where everything but self-attention runs; device puts the whole"
              + " transformer on the GPU, with the weights in --dtype f32 or f16 (default:"
              + " ${DEFAULT-VALUE})")
  private Place place;

  Place place() {
    return place;
  }

  /**
   * Refuses what a transformer on the device cannot do.
   *
   * @param more whether something is asked for that it does not have
   */
  void check(boolean more) {
    if (place == Place.DEVICE && more) {
      throw new IllegalArgumentException(
          "--transformer device attends dense or with LVSA, on one rank, without --capture, without"
              + " a step cache and without offloading: leave these out");
    }
  }

  /** Puts the transformer where it is to run. */
  void place(VideoPipeline pipeline, LvsaConfig config, KernelOptions kernel, PrintWriter err) {
    if (place == Place.DEVICE) {
      String backend = config.value(Setting.LVSA_BACKEND).text();
      pipeline.transformerOnDevice(
          new DeviceChoice(backend, config.dtype(), kernel), line -> err.println("lvsa: " + line));
    }
  }
}
