// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;

/** Scores of int8 on a device without tensor cores, such as PoCL's. */
class Int8RefusalTest {
  @Test
  void aDeviceWithoutTensorCoresSaysSo() {
    TornadoBackend backend = new TornadoBackend();
    assumeTrue(
        backend.availability() instanceof Availability.Available
            && backend.devices().stream()
                .noneMatch(d -> d.chosen() && d.kernels().contains("tensorcore")),
        "the chosen device has tensor cores, or there is none");
    KernelOptions int8 = KernelOptions.DEFAULT.with(Precision.INT8);
    String reason = backend.unavailable(int8).orElseThrow();
    assertTrue(
        reason.startsWith(
            "scores of int8 need TornadoVM's CUDA backend and compute capability 8.0"),
        reason);
    assertEquals(
        reason, assertThrows(IllegalStateException.class, () -> backend.open(int8)).getMessage());
    KernelOptions portable =
        new KernelOptions(Optional.empty(), Optional.of("portable"), Precision.INT8);
    assertThrows(IllegalArgumentException.class, () -> backend.unavailable(portable));
    assertEquals(Optional.empty(), backend.unavailable(KernelOptions.DEFAULT));
  }
}
