// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blockpattern.BatchAttention;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.blockpattern.OrderedLayout;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.sweep.Statistics.Interval;

/** Measures the cells of one geometry on one backend, which share the dense attention. */
final class CellGroup {
  /** What every bit of an output is set to before a backend gets it: as float32, not a number. */
  private static final byte POISON = (byte) 0xFF;

  /** What a line about a faster kernel begins with that was left out. */
  static final String PASSED_OVER = "auto passes over ";

  private final SweepPlan.Group group;
  private final SweepSettings settings;
  private final AttentionKernel kernel;
  private final AttentionInputs inputs;
  private final AttentionOutput denseOut;
  private final AttentionOutput sparseOut;
  private final List<SparseCase> cases;
  private final BatchLayout dense;
  private final LongSupplier nanos;
  private final SweepListener listener;

  private final ReadyAttentions ready;

  /** Planned passes over each attention that are still to come. */
  private final int[] passes;

  CellGroup(
      SweepPlan.Group group,
      List<SparseCase> cases,
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
    this.cases = cases;
    dense =
        BatchLayout.of(
            new OrderedLayout(
                BlockSparseLayout.dense(group.geometry().latentFrames()),
                TokenOrders.of(TokenOrder.identity(inputs.shape().tokens()))));
    ready =
        new ReadyAttentions(
            kernel, inputs, IntStream.rangeClosed(0, cases.size()).mapToObj(this::layout).toList());
    passes = new int[cases.size() + 1];
    Arrays.fill(passes, SweepPlan.PASSES);
  }

  /** Where the results of all groups of a geometry go, one after the other. */
  record Outputs(AttentionOutput dense, AttentionOutput sparse) {}

  /** Takes rows as they are finished. */
  @FunctionalInterface
  interface Rows {
    /** Takes one. */
    void add(ResultRow row) throws IOException;
  }

  /**
   * Measures all cells and hands over their rows, in order. Whatever a backend throws becomes a row
   * that says so.
   *
   * @throws IOException as {@code rows} does
   */
  void measure(Rows rows) throws IOException {
    Optional<String> unsupported = kernel.unsupported(inputs.shape(), inputs.dtype());
    if (unsupported.isPresent()) {
      all(rows, Status.UNSUPPORTED, unsupported.get());
    } else {
      // A backend that writes nothing must not be judged by what another one left there.
      denseOut.out().fill(POISON);
      sparseOut.out().fill(POISON);
      measurePrepared(rows);
    }
    double left = 0;
    for (int attention = 0; attention < passes.length; attention++) {
      left += Math.max(passes[attention], 0) * layout(attention).flops(inputs.shape()) / 1e9;
    }
    if (left > 0) {
      listener.worked(group.backend(), left, 0);
    }
  }

  private void measurePrepared(Rows rows) throws IOException {
    try {
      ready.attention(Rounds.DENSE);
    } catch (RuntimeException | Error e) {
      all(rows, Status.FAILED, reason(e));
      return;
    }
    try {
      Rounds rounds =
          new Rounds(this::run, cases.size(), settings.reps(), settings.maxSeconds(), nanos);
      judge(rounds.measure(), rows);
    } finally {
      ready.close(
          e -> listener.warn(group.backend() + " did not let go of its inputs: " + reason(e)));
    }
  }

  private BatchLayout layout(int attention) {
    return attention == Rounds.DENSE ? dense : cases.get(attention - 1).layout();
  }

  private KernelRun run(int attention) {
    boolean isDense = attention == Rounds.DENSE;
    BatchLayout layout = layout(attention);
    String what = isDense ? "dense" : group.cells().get(attention - 1).what();
    listener.measuring(group.geometry().title() + " " + group.backend() + ": " + what);
    BatchAttention prepared = ready.attention(attention);
    long start = nanos.getAsLong();
    KernelRun run = prepared.run(layout, isDense ? denseOut : sparseOut);
    // Repetitions and further rounds are not planned work, and say nothing of the work to come.
    if (passes[attention]-- > 0) {
      listener.worked(
          group.backend(), layout.flops(inputs.shape()) / 1e9, (nanos.getAsLong() - start) / 1e6);
    }
    return run;
  }

  /** Checks one more run of each attention, as warm as those that were timed. */
  private void judge(List<Rounds.Result> results, Rows rows) throws IOException {
    Status status = Status.OK;
    String fault = "";
    if (results.stream().anyMatch(result -> result.failure().isEmpty())) {
      try {
        fault = fault(Rounds.DENSE, denseOut);
        status = fault.isEmpty() ? Status.OK : Status.WRONG;
      } catch (RuntimeException | Error e) {
        fault = reason(e);
        status = Status.FAILED;
      }
    }
    for (int i = 0; i < results.size(); i++) {
      Rounds.Result result = results.get(i);
      if (result.failure().isPresent()) {
        Throwable failure = result.failure().get();
        rows.add(
            unmeasured(
                i,
                failure instanceof UnavailableException ? Status.UNSUPPORTED : Status.FAILED,
                reason(failure)));
      } else if (status == Status.FAILED) {
        rows.add(unmeasured(i, status, "dense: " + fault));
      } else if (status == Status.WRONG) {
        rows.add(row(i, result, status, "dense: " + fault));
      } else {
        rows.add(judged(i, result));
      }
    }
  }

  /** Runs an attention into a poisoned output; where that is wrong, in words. */
  private String fault(int attention, AttentionOutput output) {
    output.out().fill(POISON);
    run(attention);
    double allowed = kernel.allowedError(inputs.dtype());
    Accuracy.WorstRow worst =
        Accuracy.check(inputs, layout(attention).computed(kernel), output.out(), settings.seed());
    return worst.within(allowed) ? "" : worst.inWords(allowed);
  }

  private ResultRow judged(int i, Rounds.Result result) {
    try {
      String fault = fault(i + 1, sparseOut);
      if (!fault.isEmpty()) {
        return row(i, result, Status.WRONG, fault);
      }
      Quality quality =
          Accuracy.compare(
              inputs,
              cases.get(i),
              layout(i + 1).computed(kernel),
              sparseOut.out(),
              denseOut.out(),
              settings.seed());
      if (!Double.isFinite(quality.relL2Error())) {
        return row(i, result, Status.WRONG, "a result holds NaN or infinity");
      }
      if (!(result.speedup().low() > 0 && Double.isFinite(result.speedup().high()))) {
        return unmeasured(i, Status.FAILED, "the kernel is too fast for its clock");
      }
      String wide =
          result.wide()
              ? String.format(
                  Locale.ROOT,
                  "interval still wider than ±10%% after %d rounds (--max-seconds %s)",
                  result.sparse().size(),
                  settings.maxSeconds())
              : "";
      return row(i, result, Status.OK, wide).withQuality(quality);
    } catch (RuntimeException | Error e) {
      return unmeasured(i, Status.FAILED, reason(e));
    }
  }

  private ResultRow row(int i, Rounds.Result result, Status status, String note) {
    Preparation preparation = ready.preparation(i + 1);
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

  private void all(Rows rows, Status status, String note) throws IOException {
    for (int i = 0; i < cases.size(); i++) {
      rows.add(unmeasured(i, status, note));
    }
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
            Optional.of(cases.get(i).facts()),
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
    ResultRow noted = note.isEmpty() ? row : row.withRemark(note);
    for (String what : kernel.passedOver()) {
      noted = noted.withRemark(PASSED_OVER + what);
    }
    return noted;
  }

  /** Why a backend failed, in one line. */
  static String reason(Throwable e) {
    return Messages.cut(
        e.getMessage() != null
                && (e instanceof KernelFailedException || e instanceof UnavailableException)
            ? e.getMessage()
            : e.toString());
  }
}
