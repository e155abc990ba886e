// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;

/** Runs on the device that TornadoVM would choose: a GPU, or PoCL's CPU device. */
class TornadoKernelTest {

  @TestFactory
  List<DynamicTest> conforms() {
    if (new TornadoBackend().availability() instanceof Availability.Unavailable(String reason)) {
      return List.of(
          DynamicTest.dynamicTest("no device", () -> assumeTrue(false, "left out: " + reason)));
    }
    return KernelConformance.tests(new TornadoBackend().open(), 1e-4);
  }

  @Test
  void theDeviceOrTheReasonIsNamed() {
    switch (new TornadoBackend().availability()) {
      case Availability.Available(String device) -> assertTrue(device.contains("MiB"), device);
      case Availability.Unavailable(String reason) ->
          assertTrue(reason.contains("TornadoVM"), reason);
    }
  }

  @Test
  void whatDoesNotFitIsRefusedByName() {
    if (new TornadoBackend().availability() instanceof Availability.Available) {
      var kernel = new TornadoBackend().open();
      assertEquals(
          "headDim must be at most 128, got 136",
          kernel.unsupported(new AttentionShape(1, 1, 1, 0, 1, 1, 136), DType.F32).orElseThrow());
      assertTrue(
          kernel
              .unsupported(new AttentionShape(1, 1000, 1560, 0, 10, 10, 128), DType.F32)
              .isPresent());
    }
  }
}
