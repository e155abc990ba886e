// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.RandomProblem;

/**
 * Checks and times the backend {@code cudnn} on a machine that has a GPU and no Maven, like {@link
 * GpuSpeed}, with calls of several sizes; and tells what each task of a pass takes.
 */
public final class SdpaSpeed {
  /** The graph of the rounds of frames, behind the inputs' and the dense one. */
  private static final int FRAMES = 2;

  private SdpaSpeed() {}

  /**
   * Prints lines for each size.
   *
   * @param arguments latent frames to measure, each with the most query frames of a call: {@code
   *     81:12}, or {@code 81:12:b} for bf16 too; in front of them {@code parts} for the times of
   *     the tasks alone
   */
  public static void main(String[] arguments) throws Throwable {
    // The backend comes first: it lifts TornadoVM's own limit of 4 GB.
    System.out.println(new CuDnnBackend().availability());
    TornadoTarget device = TornadoTarget.chosen();
    List<String> sizes = new ArrayList<>(List.of(arguments));
    boolean parts = sizes.remove("parts");
    int failed = parts ? 0 : failures(device);
    for (String size : sizes) {
      String[] numbers = size.split(":");
      int frames = Integer.parseInt(numbers[0]);
      int slots = Integer.parseInt(numbers[1]);
      for (DType dtype :
          numbers.length == 2 ? List.of(DType.F16) : List.of(DType.F16, DType.BF16)) {
        try (SdpaKernel kernel = new SdpaKernel("cudnn", device, new CuDnnSdpa(), slots)) {
          System.out.print("slots " + slots + ": ");
          if (parts) {
            printParts(kernel, dtype, frames);
          } else {
            GpuSpeed.measure(
                kernel,
                frames,
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
                    "frames",
                    "flagged",
                    "none"));
          }
        }
      }
    }
    System.exit(failed == 0 ? 0 : 1);
  }

  private static int failures(TornadoTarget device) throws Throwable {
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
    return failed;
  }

  /**
   * Prints the device's time by task, and the wall time, of the third pass over a sparse layout.
   */
  private static void printParts(SdpaKernel kernel, DType dtype, int frames) {
    AttentionShape shape = new AttentionShape(1, frames, 1560, 0, 12, 12, 128);
    try (Arena arena = Arena.ofShared()) {
      AttentionProblem problem =
          RandomProblem.draw(shape, dtype, 0, 1, 1, arena).withLayout(GpuSpeed.published(frames));
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      try (SdpaAttention prepared = (SdpaAttention) kernel.prepare(problem.inputs())) {
        prepared.run(problem.layout(), output);
        prepared.run(problem.layout(), output);
        int from = prepared.plan().log(FRAMES).length();
        long start = System.nanoTime();
        double kernelMillis = prepared.run(problem.layout(), output).kernelMillis();
        double wall = (System.nanoTime() - start) / 1e6;
        System.out.printf(
            Locale.ROOT,
            "T=%d: %.2f ms of kernels, %.1f ms wall with copies:",
            frames,
            kernelMillis,
            wall);
        TaskTimes.byTask(prepared.plan().log(FRAMES), from)
            .forEach(
                (task, nanos) -> System.out.printf(Locale.ROOT, " %s %.2f", task, nanos / 1e6));
        System.out.println();
      }
    }
  }
}
