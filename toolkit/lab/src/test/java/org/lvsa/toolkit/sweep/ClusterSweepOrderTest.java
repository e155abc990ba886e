// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClusterSweepOrderTest {
  @TempDir private Path directory;

  /** One machine that notes what it was to measure, and fails. */
  private static final class Recorder implements ClusterSweep.Cluster {
    private final List<String> asked = new ArrayList<>();

    @Override
    public int groupsAtOnce() {
      return 1;
    }

    @Override
    public Map<String, Object> describe() {
      return Map.of();
    }

    @Override
    public GroupMeasurement measure(SweepSettings group, String inputSha256) {
      asked.add(group.latentFrames().getFirst() + "x" + group.patchesPerFrame().getFirst());
      throw new IllegalStateException("measures nothing");
    }

    @Override
    public void close() {}
  }

  /** A long group that starts last would let all other machines wait for its end. */
  @Test
  void theMostWorkStartsFirst() throws IOException {
    SweepSettings settings =
        SweepSettings.defaults()
            .latentFrames(List.of(9, 12, 10))
            .patchesPerFrame(List.of(16, 64))
            .heads(1)
            .build();
    Recorder cluster = new Recorder();
    new ClusterSweep(settings, directory.resolve("out"), SweepListener.silent(), false)
        .run(SweepRunner.Resume.NO, List.of("test"), cluster);
    assertEquals(List.of("12x64", "10x64", "9x64", "12x16", "10x16", "9x16"), cluster.asked);
  }
}
