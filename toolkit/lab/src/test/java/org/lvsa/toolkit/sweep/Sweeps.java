// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.lvsa.kernels.AttentionKernel;

/** Small sweeps with fake kernels and a clock that stands still unless it is moved. */
final class Sweeps {
  private Sweeps() {}

  static SweepSettingsBuilder tiny() {
    return SweepSettings.defaults()
        .latentFrames(List.of(15))
        .patchesPerFrame(List.of(6))
        .window(1)
        .heads(2)
        .reps(1)
        .maxSeconds(1)
        .sparsityScales(List.of(0.25, 0.5))
        .input("random");
  }

  /** Hears everything. */
  static final class Log implements SweepListener {
    final List<String> warnings = new ArrayList<>();
    double planned;
    double worked;
    int cells;
    int done;

    @Override
    public void starting(int count, int there, String largest, Map<String, Double> planned) {
      cells = count;
      this.planned = planned.values().stream().mapToDouble(Double::doubleValue).sum();
      done = there;
    }

    @Override
    public void measuring(String what) {}

    @Override
    public void worked(String backend, double gflop, double millis) {
      worked += gflop;
    }

    @Override
    public void finished(ResultRow row) {}

    @Override
    public void warn(String message) {
      warnings.add(message);
    }
  }

  static List<ResultRow> run(
      SweepSettings settings,
      Path directory,
      SweepRunner.Resume resume,
      Log log,
      AttentionKernel... kernels)
      throws IOException {
    // Each look at the clock is a tenth of a second later, so that time-outs come.
    AtomicLong nanos = new AtomicLong();
    return new SweepRunner(
            settings,
            directory,
            log,
            false,
            ignored -> List.of(kernels),
            () -> nanos.addAndGet(100_000_000))
        .run(resume, List.of("test"));
  }

  static List<ResultRow> run(SweepSettings settings, Path directory, AttentionKernel... kernels)
      throws IOException {
    return run(settings, directory, SweepRunner.Resume.NO, new Log(), kernels);
  }
}
