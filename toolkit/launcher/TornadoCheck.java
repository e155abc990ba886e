// SPDX-License-Identifier: Apache-2.0

import java.util.List;

/**
 * Loads the classes of TornadoVM's API that the GPU kernels use, without initialising them. {@code
 * tornado-sdk.sh} runs this file with an SDK's flags: if it ends well, the SDK fits the JDK.
 */
final class TornadoCheck {
  private static final List<String> CLASSES =
      List.of(
          "GridScheduler",
          "KernelContext",
          "TaskGraph",
          "TornadoExecutionPlan",
          "WorkerGrid2D",
          "common.TornadoDevice",
          "enums.DataTransferMode",
          "enums.ProfilerMode",
          "types.arrays.FloatArray",
          "types.arrays.HalfFloatArray");

  public static void main(String[] arguments) {
    for (String name : CLASSES) {
      try {
        Class.forName(
            "uk.ac.manchester.tornado.api." + name, false, ClassLoader.getSystemClassLoader());
      } catch (ClassNotFoundException | LinkageError e) {
        System.err.println("Error: its API class " + name + " does not load: " + e);
        System.exit(1);
      }
    }
  }
}
