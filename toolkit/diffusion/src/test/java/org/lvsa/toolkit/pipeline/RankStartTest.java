// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.lvsa.toolkit.backend.DeviceList;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.RankProcesses;
import org.lvsa.toolkit.parallel.TestJvm;
import org.lvsa.toolkit.pipeline.RankStart.Kind;
import org.lvsa.toolkit.pipeline.RankStart.Place;

/** Ranks and their devices: each process is shown its own, and finds it first there. */
@Timeout(60)
class RankStartTest {
  private static final RankProcesses.Command NOBODY =
      (rank, port) -> {
        throw new IllegalStateException("no process is to be started");
      };

  /** A later rank, as a program, which tells what it may see and what it takes. */
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
      RankStart start =
          new RankStart(
              Kind.PROCESSES,
              Optional.of(Place.parse(arguments[0])),
              NOBODY,
              Optional.of(DeviceList.parse(arguments[1])));
      start.runLater(3, ranks -> told(start, ranks));
    }
  }

  /** From every rank: its device's index, and the one that its process may see, or −1 for any. */
  private static float[][] told(RankStart start, Communicator ranks) {
    String[] device = start.device(ranks.rank()).orElseThrow().split(":");
    String visible = System.getenv().getOrDefault("CUDA_VISIBLE_DEVICES", "-1");
    return ranks.allGather(
        new float[] {
          Float.parseFloat(device[0]), Float.parseFloat(device[1]), Float.parseFloat(visible)
        });
  }

  @Test
  void eachProcessSeesItsOwnDeviceAlone() throws Exception {
    String devices = "1:0,1:5";
    RankStart start =
        new RankStart(
            Kind.PROCESSES,
            Optional.empty(),
            (rank, port) -> TestJvm.of(Main.class, rank + ":" + port, devices),
            Optional.of(DeviceList.parse(devices)));
    float[][] told = start.run(3, ranks -> told(start, ranks));
    // Rank 0 is this process, which sees what it saw before; ranks 1 and 2 see one device each.
    assertArrayEquals(new float[] {1, 0}, Arrays.copyOf(told[0], 2));
    assertArrayEquals(new float[] {1, 0, 5}, told[1]);
    assertArrayEquals(new float[] {1, 0, 0}, told[2]);
  }

  @Test
  void threadsTakeTheDevicesAsTheyAreCalledHere() {
    RankStart start =
        new RankStart(
            Kind.THREADS, Optional.empty(), NOBODY, Optional.of(DeviceList.parse("0:2,1:1")));
    assertEquals(Optional.of("0:2"), start.device(0));
    assertEquals(Optional.of("1:1"), start.device(1));
    assertEquals(Optional.of("0:2"), start.device(2));
    assertEquals("; devices 0:2,1:1 in turn", start.devicesInWords());
    assertEquals(Optional.empty(), RankStart.one().device(0));
    assertEquals("", RankStart.one().devicesInWords());
  }

  @Test
  void ranksThatSomebodyElseStartsAreProcessesWithDevicesOfTheirOwn() {
    Optional<Place> first = Optional.of(new Place(0, 5000));
    assertEquals(
        "--joins is of processes: give --ranks processes too",
        assertThrows(
                IllegalArgumentException.class,
                () -> new RankStart(Kind.THREADS, first, NOBODY, Optional.empty()))
            .getMessage());
    String devices =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    new RankStart(
                        Kind.PROCESSES, first, NOBODY, Optional.of(DeviceList.parse("0:0"))))
            .getMessage();
    assertTrue(devices.startsWith("--devices is for ranks that rank 0 starts"), devices);
    assertFalse(new RankStart(Kind.PROCESSES, first, NOBODY, Optional.empty()).later());
  }

  @Test
  void aPlaceIsARankAndAPort() {
    assertEquals(new Place(3, 40_000), Place.parse("3:40000"));
    for (String wrong : List.of("", "3", "3:", ":4", "a:4", "-1:4", "1:123456")) {
      assertEquals(
          "--joins must be RANK:PORT, got " + wrong,
          assertThrows(IllegalArgumentException.class, () -> Place.parse(wrong)).getMessage());
    }
  }
}
