// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.invoke.MethodHandles;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class DevicePlanTest {
  /** TornadoVM's MB are a million bytes: a limit in MiB was too low for more than 1.4 GB. */
  @Test
  void theLimitOfAPlanHoldsItsBuffers() {
    assertEquals("64MB", DevicePlan.limit(0));
    assertEquals("2212MB", DevicePlan.limit(1L << 31));
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 1000; i++) {
      long bytes = random.nextLong(80L << 30);
      long limit = Long.parseLong(DevicePlan.limit(bytes).replace("MB", "")) * 1_000_000;
      assertTrue(limit >= bytes, bytes + " bytes, seed " + seed);
    }
  }

  /** TornadoVM clears this many places for each node of a graph whenever the graph runs. */
  @Test
  void tornadoVmClearsFewPlacesForEvents() throws ReflectiveOperationException {
    MethodHandles.lookup().ensureInitialized(TornadoTarget.class);
    Class<?> options = Class.forName("uk.ac.manchester.tornado.runtime.common.TornadoOptions");
    assertEquals(1024, options.getField("MAX_EVENTS").getInt(null));
  }
}
