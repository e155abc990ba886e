// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.lvsa.kernels.DType;

/**
 * Checks and times the backend {@code cudnn} on a machine that has a GPU and no Maven, like {@link
 * GpuSpeed}, with calls of several sizes.
 */
public final class SdpaSpeed {
  private SdpaSpeed() {}

  /**
   * Prints a line per size.
   *
   * @param arguments latent frames to measure, each with the most query frames of a call: {@code
   *     81:12}
   */
  public static void main(String[] arguments) throws Throwable {
    // The backend comes first: it lifts TornadoVM's own limit of 4 GB.
    System.out.println(new CuDnnBackend().availability());
    TornadoTarget device = TornadoTarget.chosen();
    int failed = 0;
    try (SdpaKernel kernel =
        new SdpaKernel("cudnn", device, new CuDnnSdpa(), SdpaKernel.MOST_SLOTS)) {
      List<DynamicTest> tests = new ArrayList<>();
      SdpaKernelTest.add(tests, "cudnn", kernel);
      for (DynamicTest test : tests) {
        try {
          test.getExecutable().execute();
        } catch (AssertionError | RuntimeException e) {
          failed++;
          System.out.println("FAILED " + test.getDisplayName() + ": " + e);
        }
      }
      System.out.println(tests.size() + " tests, " + failed + " failed");
    }
    for (String argument : arguments) {
      String[] parts = argument.split(":");
      for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
        try (SdpaKernel kernel =
            new SdpaKernel("cudnn", device, new CuDnnSdpa(), Integer.parseInt(parts[1]))) {
          if (dtype == DType.F16 || parts.length > 2) {
            System.out.print("slots " + parts[1] + ": ");
            GpuSpeed.measure(
                kernel,
                Integer.parseInt(parts[0]),
                Map.of(
                    "heads",
                    "12",
                    "dtype",
                    dtype.name(),
                    "patches",
                    "1560",
                    "headDim",
                    "128",
                    "layout",
                    "frames"));
          }
        }
      }
    }
    System.exit(failed == 0 ? 0 : 1);
  }
}
