// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.pipeline.DeviceTurns.Kind;

/** Which of a model's parts {@link DeviceTurns} lets stay, and what it tells of their memory. */
class WhoIsOnTheDeviceTest {
  private final Fake high = new Fake();
  private final Fake low = new Fake();
  private final Fake vae = new Fake();
  private final List<String> said = new ArrayList<>();

  private static final class Fake implements DeviceTurns.Part {
    private long taken;

    @Override
    public void release() {
      taken = 0;
    }

    @Override
    public long taken() {
      return taken;
    }
  }

  private static void prepare(DeviceTurns turns, Kind kind, Fake part, int mebibytes) {
    turns.take(kind, part);
    part.taken = (long) mebibytes << 20;
  }

  private List<Long> there() {
    return List.of(high.taken >> 20, low.taken >> 20, vae.taken >> 20);
  }

  private void ready(DeviceTurns turns) {
    turns.ready((done, all, what) -> said.add(what));
  }

  @Test
  void transformersTakeTurnsBesideTheVae() {
    DeviceTurns turns = new DeviceTurns(false);
    prepare(turns, Kind.TRANSFORMER, high, 5);
    prepare(turns, Kind.VAE, vae, 2);
    ready(turns);
    prepare(turns, Kind.TRANSFORMER, low, 4);
    assertEquals(List.of(0L, 4L, 2L), there());
    prepare(turns, Kind.VAE, vae, 2);
    ready(turns);
    ready(turns);
    assertEquals(
        List.of(
            "device memory: transformer 5.0 MiB, VAE 2.0 MiB; together at most 7.0 MiB so far",
            "ready",
            "device memory: transformer 4.0 MiB, VAE 2.0 MiB; together at most 7.0 MiB so far",
            "ready"),
        said);
  }

  @Test
  void allTakeTurns() {
    DeviceTurns turns = new DeviceTurns(true);
    prepare(turns, Kind.TRANSFORMER, high, 5);
    prepare(turns, Kind.TRANSFORMER, low, 4);
    assertEquals(List.of(0L, 4L, 0L), there());
    prepare(turns, Kind.VAE, vae, 2);
    assertEquals(List.of(0L, 0L, 2L), there());
    ready(turns);
    assertEquals(
        List.of("device memory: VAE 2.0 MiB; together at most 5.0 MiB so far", "ready"), said);
    prepare(turns, Kind.TRANSFORMER, low, 4);
    assertEquals(List.of(0L, 4L, 0L), there());
  }
}
