// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.lang.foreign.Arena;
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
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;
import org.lvsa.toolkit.io.Messages;
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
  private final List<SparseCase> cases;
  private final BlockSparseLayout dense;
  private final LongSupplier nanos;
  private final SweepListener listener;

  /** What each attention runs on: the dense one first, then the sparse ones. */
  private final List<Ready> ready = new ArrayList<>();

  /** A sparse output in its layout's order of tokens; the same output if no token moves. */
  private AttentionOutput ordered;

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
    this.ordered = sparseOut;
    this.nanos = nanos;
    this.listener = listener;
    this.cases = cases;
    dense = BlockSparseLayout.dense(group.geometry().latentFrames());
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
      left += Math.max(passes[attention], 0) * inputs.shape().flops(layout(attention)) / 1e9;
    }
    if (left > 0) {
      listener.worked(group.backend(), left, 0);
    }
  }

  private void measurePrepared(Rows rows) throws IOException {
    try (Arena arena = Arena.ofShared()) {
      if (!prepare(arena, rows)) {
        return;
      }
      Rounds rounds =
          new Rounds(
              attention -> run(ready.get(attention), attention),
              cases.size(),
              settings.reps(),
              settings.maxSeconds(),
              nanos);
      judge(rounds.measure(), rows);
    } finally {
      ready.stream().map(Ready::prepared).distinct().toList().reversed().forEach(this::close);
      ready.clear();
    }
  }

  /**
   * Prepares what each attention runs on: patterns that move tokens have inputs of their own.
   *
   * @return false if that failed, with a row of each cell
   */
  private boolean prepare(Arena arena, Rows rows) throws IOException {
    try {
      Ready usual = prepare(TokenOrders.of(TokenOrder.identity(inputs.shape().tokens())), inputs);
      ready.add(usual);
      for (SparseCase sparse : cases) {
        TokenOrders orders = sparse.blocks().orders();
        ready.add(orders.areIdentity() ? usual : prepare(orders, orders.apply(inputs, arena)));
      }
      if (ready.stream().anyMatch(one -> one != usual)) {
        ordered = AttentionOutput.allocate(inputs.shape(), arena);
      }
      return true;
    } catch (RuntimeException | Error e) {
      all(rows, Status.FAILED, reason(e));
      return false;
    }
  }

  private Ready prepare(TokenOrders orders, AttentionInputs moved) {
    List<Preparation> preparations = new ArrayList<>();
    for (int i = 1; i < PREPARATIONS; i++) {
      try (PreparedAttention cold = kernel.prepare(inputs, orders)) {
        preparations.add(cold.preparation());
      }
    }
    PreparedAttention prepared = kernel.prepare(inputs, orders);
    preparations.add(prepared.preparation());
    return new Ready(prepared, median(preparations), orders, moved);
  }

  /**
   * What an attention runs on.
   *
   * @param preparation what it took, the tokens' moves included
   * @param orders the orders of tokens that its layout refers to
   * @param inputs the inputs in these orders, which results are judged by
   */
  private record Ready(
      PreparedAttention prepared,
      Preparation preparation,
      TokenOrders orders,
      AttentionInputs inputs) {}

  private void close(PreparedAttention prepared) {
    try {
      prepared.close();
    } catch (RuntimeException | Error e) {
      listener.warn(group.backend() + " did not let go of its inputs: " + reason(e));
    }
  }

  private BlockSparseLayout layout(int attention) {
    return attention == Rounds.DENSE ? dense : cases.get(attention - 1).layout();
  }

  private KernelRun run(Ready ready, int attention) {
    boolean isDense = attention == Rounds.DENSE;
    BlockSparseLayout layout = layout(attention);
    String what = isDense ? "dense" : group.cells().get(attention - 1).what();
    listener.measuring(group.geometry().title() + " " + group.backend() + ": " + what);
    long start = nanos.getAsLong();
    KernelRun run = ready.prepared().run(layout, isDense ? denseOut : sparseOut);
    // Repetitions and further rounds are not planned work, and say nothing of the work to come.
    if (passes[attention]-- > 0) {
      listener.worked(
          group.backend(), inputs.shape().flops(layout) / 1e9, (nanos.getAsLong() - start) / 1e6);
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
        rows.add(unmeasured(i, Status.FAILED, reason(result.failure().get())));
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
    Ready one = ready.get(attention);
    output.out().fill(POISON);
    run(one, attention);
    AttentionOutput judged = output;
    if (!one.orders().areIdentity()) {
      one.orders().apply(inputs.shape(), output, ordered);
      judged = ordered;
    }
    double allowed = Accuracy.allowed(inputs.dtype());
    Accuracy.WorstRow worst =
        Accuracy.check(
            new AttentionProblem(one.inputs(), layout(attention)), judged.out(), settings.seed());
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
              new AttentionProblem(ready.get(i + 1).inputs(), layout(i + 1)),
              inputs,
              cases.get(i).blocks(),
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
    Preparation preparation = ready.get(i + 1).preparation();
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
