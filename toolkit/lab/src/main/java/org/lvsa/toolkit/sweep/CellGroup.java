// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.sweep.Statistics.Interval;

/** Measures the cells of one geometry on one backend, which share the dense attention. */
final class CellGroup {
  /** Preparing is cold the first time; the median of this many counts. */
  private static final int PREPARATIONS = 3;

  /** What every bit of an output is set to before a backend gets it: as float32, not a number. */
  private static final byte POISON = (byte) 0xFF;

  private final SweepPlan.Group group;
  private final SweepSettings settings;
  private final AttentionKernel kernel;
  private final AttentionInputs inputs;
  private final AttentionOutput denseOut;
  private final AttentionOutput sparseOut;
  private final List<Pattern> patterns;
  private final BlockSparseLayout dense;
  private final LongSupplier nanos;
  private final SweepListener listener;

  /** Planned passes over each attention that are still to come. */
  private final int[] passes;

  CellGroup(
      SweepPlan.Group group,
      SweepSettings settings,
      AttentionKernel kernel,
      AttentionInputs inputs,
      Outputs outputs,
      LongSupplier nanos,
      SweepListener listener) {
    this.group = group;
    this.settings = settings;
    this.kernel = kernel;
    this.inputs = inputs;
    this.denseOut = outputs.dense();
    this.sparseOut = outputs.sparse();
    this.nanos = nanos;
    this.listener = listener;
    patterns =
        group.cells().stream()
            .map(cell -> group.geometry().pattern(settings, cell.sparsityScale()))
            .toList();
    dense = BlockSparseLayout.dense(group.geometry().latentFrames());
    passes = new int[patterns.size() + 1];
    Arrays.fill(passes, SweepPlan.PASSES);
  }

  /** Where the results of all groups of a geometry go, one after the other. */
  record Outputs(AttentionOutput dense, AttentionOutput sparse) {}

  /**
   * The rows of all cells, in their order. Whatever a backend throws becomes a row that says so.
   */
  List<ResultRow> measure() {
    List<ResultRow> rows = tried();
    double left = 0;
    for (int attention = 0; attention < passes.length; attention++) {
      BlockSparseLayout layout =
          attention == Rounds.DENSE ? dense : patterns.get(attention - 1).layout();
      left += Math.max(passes[attention], 0) * inputs.shape().flops(layout) / 1e9;
    }
    if (left > 0) {
      listener.worked(group.backend(), left, 0);
    }
    return rows;
  }

  private List<ResultRow> tried() {
    Optional<String> unsupported = kernel.unsupported(inputs.shape(), inputs.dtype());
    if (unsupported.isPresent()) {
      return all(Status.UNSUPPORTED, unsupported.get());
    }
    // A backend that writes nothing must not be judged by what another one left there.
    denseOut.out().fill(POISON);
    sparseOut.out().fill(POISON);
    List<Preparation> preparations = new ArrayList<>();
    for (int i = 1; i < PREPARATIONS; i++) {
      try (PreparedAttention prepared = kernel.prepare(inputs)) {
        preparations.add(prepared.preparation());
      } catch (RuntimeException | Error e) {
        return all(Status.FAILED, reason(e));
      }
    }
    try (PreparedAttention prepared = kernel.prepare(inputs)) {
      preparations.add(prepared.preparation());
      List<Rounds.Result> results =
          new Rounds(
                  attention -> run(prepared, attention),
                  patterns.size(),
                  settings.reps(),
                  settings.maxSeconds(),
                  nanos)
              .measure();
      return judged(prepared, results, median(preparations));
    } catch (RuntimeException | Error e) {
      return all(Status.FAILED, reason(e));
    }
  }

  private KernelRun run(PreparedAttention prepared, int attention) {
    boolean isDense = attention == Rounds.DENSE;
    BlockSparseLayout layout = isDense ? dense : patterns.get(attention - 1).layout();
    String what = isDense ? "dense" : "scale " + group.cells().get(attention - 1).sparsityScale();
    listener.measuring(group.geometry().title() + " " + group.backend() + ": " + what);
    long start = nanos.getAsLong();
    KernelRun run = prepared.run(layout, isDense ? denseOut : sparseOut);
    // Repetitions and further rounds take time, but are not planned work.
    double gflop = passes[attention]-- > 0 ? inputs.shape().flops(layout) / 1e9 : 0;
    listener.worked(group.backend(), gflop, (nanos.getAsLong() - start) / 1e6);
    return run;
  }

  /** Checks one more run of each attention, as warm as those that were timed. */
  private List<ResultRow> judged(
      PreparedAttention prepared, List<Rounds.Result> results, Preparation preparation) {
    double allowed = Accuracy.allowed(inputs.dtype());
    Accuracy.WorstRow worst = null;
    if (results.stream().anyMatch(result -> result.failure().isEmpty())) {
      denseOut.out().fill(POISON);
      run(prepared, Rounds.DENSE);
      worst = Accuracy.check(new AttentionProblem(inputs, dense), denseOut.out(), settings.seed());
    }
    List<ResultRow> rows = new ArrayList<>();
    for (int i = 0; i < results.size(); i++) {
      Rounds.Result result = results.get(i);
      if (result.failure().isPresent()) {
        rows.add(unmeasured(i, Status.FAILED, reason(result.failure().get())));
      } else if (!worst.within(allowed)) {
        rows.add(row(i, result, preparation, Status.WRONG, "dense: " + worst.inWords(allowed)));
      } else {
        rows.add(judged(prepared, i, result, preparation));
      }
    }
    return rows;
  }

  private ResultRow judged(
      PreparedAttention prepared, int i, Rounds.Result result, Preparation preparation) {
    double allowed = Accuracy.allowed(inputs.dtype());
    try {
      sparseOut.out().fill(POISON);
      run(prepared, i + 1);
    } catch (RuntimeException | Error e) {
      return unmeasured(i, Status.FAILED, reason(e));
    }
    AttentionProblem sparse = new AttentionProblem(inputs, patterns.get(i).layout());
    Accuracy.WorstRow worst = Accuracy.check(sparse, sparseOut.out(), settings.seed());
    if (!worst.within(allowed)) {
      return row(i, result, preparation, Status.WRONG, worst.inWords(allowed));
    }
    Quality quality = Accuracy.compare(sparse, sparseOut.out(), denseOut.out(), settings.seed());
    if (!Double.isFinite(quality.relL2Error())) {
      return row(i, result, preparation, Status.WRONG, "a result holds NaN or infinity");
    }
    String wide =
        result.wide()
            ? String.format(
                Locale.ROOT,
                "interval still wider than ±10%% after %d rounds (--max-seconds %s)",
                result.sparse().size(),
                settings.maxSeconds())
            : "";
    ResultRow row = row(i, result, preparation, Status.OK, wide);
    return new ResultRow(
        row.cell(),
        row.pattern(),
        row.timing(),
        Optional.of(quality),
        row.status(),
        row.note(),
        row.provenance());
  }

  private ResultRow row(
      int i, Rounds.Result result, Preparation preparation, Status status, String note) {
    KernelRun denseRun = Rounds.median(result.dense());
    KernelRun sparseRun = Rounds.median(result.sparse());
    Interval speedup = result.speedup();
    Timing timing =
        new Timing(
            settings.reps(),
            denseRun.kernelMillis(),
            sparseRun.kernelMillis(),
            sparseRun.prepareMillis() + preparation.prepareMillis(),
            sparseRun.transferMillis() + preparation.transferMillis(),
            speedup.median(),
            sparseRun.extraBytes() / (double) (1 << 20),
            Optional.of(
                new Timing.Spread(
                    result.sparse().size(),
                    spread(result.dense()),
                    spread(result.sparse()),
                    speedup.low(),
                    speedup.high())));
    return row(i, Optional.of(timing), status, note, sparseRun.kernel(), denseRun.kernel());
  }

  private static double spread(List<KernelRun> runs) {
    return Statistics.interquartileRange(Rounds.Result.times(runs, KernelRun::kernelMillis));
  }

  private List<ResultRow> all(Status status, String note) {
    List<ResultRow> rows = new ArrayList<>();
    for (int i = 0; i < patterns.size(); i++) {
      rows.add(unmeasured(i, status, note));
    }
    return rows;
  }

  private ResultRow unmeasured(int i, Status status, String note) {
    return row(i, Optional.empty(), status, note, "", "");
  }

  private ResultRow row(
      int i,
      Optional<Timing> timing,
      Status status,
      String note,
      String sparseKernel,
      String denseKernel) {
    ResultRow row =
        new ResultRow(
            group.cells().get(i),
            Optional.of(PatternFacts.of(patterns.get(i))),
            timing,
            Optional.empty(),
            status,
            group.geometry().remark(),
            new Provenance(
                kernel.device(),
                sparseKernel,
                denseKernel,
                Environment.commit(),
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                Environment.host()));
    return note.isEmpty() ? row : row.withRemark(note);
  }

  private static Preparation median(List<Preparation> preparations) {
    return new Preparation(
        Statistics.median(preparations.stream().mapToDouble(Preparation::prepareMillis).toArray()),
        Statistics.median(
            preparations.stream().mapToDouble(Preparation::transferMillis).toArray()));
  }

  /** Why a backend failed, in one line. */
  static String reason(Throwable e) {
    return Messages.cut(
        e instanceof KernelFailedException && e.getMessage() != null
            ? e.getMessage()
            : e.toString());
  }
}
