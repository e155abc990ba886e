// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.sweep.SweepListener.Measurement;

/**
 * Runs a sweep: for each geometry the inputs are made once, dense attention is measured once a
 * backend, and each sparsity scale against it. A cell that cannot run becomes a row that says why.
 */
public final class SweepRunner {
  private static final int RECALL_SAMPLES = 64;
  private static final int CHECKED_SAMPLES = 16;

  /** Left free for the JVM and everybody else. */
  private static final long RESERVED_BYTES = 512L << 20;

  private final SweepSettings settings;
  private final KernelOptions options;
  private final ResultsFile results;
  private final SweepListener listener;
  private final boolean strict;
  private final DType dtype;
  private final InputSource input;
  private final String commit = Environment.commit();

  /**
   * A sweep that writes to {@code results}.
   *
   * @param options the device and the kernel that the backends which have them take
   * @param strict stop at the first cell that cannot run as asked
   */
  public SweepRunner(
      SweepSettings settings,
      KernelOptions options,
      ResultsFile results,
      SweepListener listener,
      boolean strict) {
    this.settings = settings;
    this.options = options;
    this.results = results;
    this.listener = listener;
    this.strict = strict;
    this.dtype = DType.valueOf(settings.dtype());
    this.input = InputSource.parse(settings.input());
  }

  /**
   * Measures every cell that is not there yet.
   *
   * @param resume go on with the results that the directory holds
   * @param commandLine for environment.json
   * @return all rows, in the order of the sweep
   * @throws IllegalArgumentException for settings that make no sense, before anything is written
   */
  public List<ResultRow> run(boolean resume, List<String> commandLine) throws IOException {
    List<Geometry> geometries = Geometry.all(settings);
    long free = Environment.availableMemory() - RESERVED_BYTES;
    List<Geometry> fitting = geometries.stream().filter(g -> g.bytes(dtype) <= free).toList();
    if (fitting.isEmpty()) {
      throw new IllegalArgumentException(tooLarge(geometries.getFirst(), free));
    }
    checkScales();
    Activations.check(input, fitting.stream().mapToInt(Geometry::frames).max().orElseThrow());

    Map<String, AttentionKernel> kernels = openKernels();
    try {
      List<ResultRow> rows = new ArrayList<>();
      if (resume) {
        rows.addAll(results.resume(settings));
      } else {
        results.start(settings);
      }
      results.environment(Environment.describe(commandLine, kernels));
      Set<String> done = rows.stream().map(ResultRow::key).collect(Collectors.toSet());
      int cells = geometries.size() * settings.backends().size() * settings.sparsityScales().size();
      listener.starting(
          cells - done.size(),
          done.size(),
          fitting.stream().mapToLong(g -> g.bytes(dtype)).max().orElseThrow(),
          planned(fitting, done),
          settings.reps());
      for (Geometry geometry : geometries) {
        if (geometry.bytes(dtype) > free) {
          refuse(geometry, tooLarge(geometry, free), done, rows);
        } else {
          measure(geometry, kernels, done, rows);
        }
      }
      return rows;
    } finally {
      kernels.values().forEach(AttentionKernel::close);
    }
  }

  private Map<String, AttentionKernel> openKernels() {
    List<AttentionKernel> opened =
        Backends.open(
            settings.backends().stream().map(n -> Backends.named(n, listener::warn)).toList(),
            options);
    Map<String, AttentionKernel> kernels = new LinkedHashMap<>();
    for (int i = 0; i < opened.size(); i++) {
      kernels.put(settings.backends().get(i), opened.get(i));
    }
    return kernels;
  }

  private void checkScales() {
    for (double scale : settings.sparsityScales()) {
      if (!(scale > 0) || Double.isInfinite(scale)) {
        throw new IllegalArgumentException("sparsity scale must be a number above 0, got " + scale);
      }
    }
    if (settings.reps() < 1) {
      throw new IllegalArgumentException("reps must be at least 1, got " + settings.reps());
    }
  }

  private static String tooLarge(Geometry geometry, long free) {
    return geometry.title()
        + " needs "
        + (geometry.bytes(DType.F16) >> 20)
        + " MiB or more, "
        + (Math.max(free, 0) >> 20)
        + " MiB are free here: measure fewer heads (--heads) or fewer frames";
  }

  private List<Measurement> planned(List<Geometry> geometries, Set<String> done) {
    List<Measurement> planned = new ArrayList<>();
    for (Geometry geometry : geometries) {
      for (String backend : settings.backends()) {
        List<Measurement> sparse = new ArrayList<>();
        for (double scale : settings.sparsityScales()) {
          if (!done.contains(key(geometry, scale, backend))) {
            BlockSparseLayout layout = geometry.pattern(settings, scale).layout();
            sparse.add(new Measurement(backend, geometry.shape().flops(layout) / 1e9));
          }
        }
        if (!sparse.isEmpty()) {
          BlockSparseLayout dense = BlockSparseLayout.dense(geometry.latentFrames());
          planned.add(new Measurement(backend, geometry.shape().flops(dense) / 1e9));
          planned.addAll(sparse);
        }
      }
    }
    return planned;
  }

  private void measure(
      Geometry geometry,
      Map<String, AttentionKernel> kernels,
      Set<String> done,
      List<ResultRow> rows)
      throws IOException {
    Set<String> pending = new HashSet<>();
    for (String backend : kernels.keySet()) {
      if (settings.sparsityScales().stream()
          .anyMatch(scale -> !done.contains(key(geometry, scale, backend)))) {
        pending.add(backend);
      }
    }
    if (pending.isEmpty()) {
      return;
    }
    listener.measuring(geometry.title() + ": making the inputs");
    try (Arena arena = Arena.ofShared()) {
      Activations made =
          Activations.of(
              input,
              geometry.shape(),
              dtype,
              geometry.model(),
              geometry.grid(),
              settings.seed(),
              arena);
      AttentionOutput denseOut = AttentionOutput.allocate(geometry.shape(), arena);
      AttentionOutput sparseOut = AttentionOutput.allocate(geometry.shape(), arena);
      for (Map.Entry<String, AttentionKernel> kernel : kernels.entrySet()) {
        if (pending.contains(kernel.getKey())) {
          new CellGroup(geometry, kernel.getKey(), kernel.getValue(), made, denseOut, sparseOut)
              .run(done, rows);
        }
      }
    }
  }

  private void refuse(Geometry geometry, String reason, Set<String> done, List<ResultRow> rows)
      throws IOException {
    listener.warn("refused: " + reason);
    for (String backend : settings.backends()) {
      for (double scale : settings.sparsityScales()) {
        if (!done.contains(key(geometry, scale, backend))) {
          record(rows, unmeasured(geometry, scale, backend, "", "", "refused", reason));
        }
      }
    }
  }

  /** The cells of one geometry and backend: they share the dense result. */
  private final class CellGroup {
    private final Geometry geometry;
    private final String backend;
    private final AttentionKernel kernel;
    private final AttentionProblem dense;
    private final AttentionOutput denseOut;
    private final AttentionOutput sparseOut;

    CellGroup(
        Geometry geometry,
        String backend,
        AttentionKernel kernel,
        Activations made,
        AttentionOutput denseOut,
        AttentionOutput sparseOut) {
      this.geometry = geometry;
      this.backend = backend;
      this.kernel = kernel;
      this.denseOut = denseOut;
      this.sparseOut = sparseOut;
      this.dense =
          new AttentionProblem(
              new AttentionInputs(geometry.shape(), dtype, made.query(), made.key(), made.value()),
              BlockSparseLayout.dense(geometry.latentFrames()));
    }

    void run(Set<String> done, List<ResultRow> rows) throws IOException {
      Optional<String> unsupported = kernel.unsupported(geometry.shape(), dtype);
      Measured denseTimes = null;
      String failure = unsupported.orElse(null);
      String status = unsupported.isPresent() ? "unsupported" : "failed";
      if (failure == null) {
        listener.measuring(geometry.title() + " " + backend + ": dense");
        try {
          denseTimes = Measured.of(settings.reps(), () -> kernel.run(dense, denseOut));
        } catch (RuntimeException | OutOfMemoryError e) {
          failure = "dense: " + e;
        }
        listener.worked(new Measurement(backend, dense.flops() / 1e9));
      }
      for (double scale : settings.sparsityScales()) {
        if (done.contains(key(geometry, scale, backend))) {
          continue;
        }
        ResultRow row =
            failure == null
                ? cell(scale, denseTimes)
                : unmeasured(geometry, scale, backend, kernel.device(), "", status, failure);
        record(rows, row);
      }
    }

    private ResultRow cell(double scale, Measured denseTimes) {
      Pattern pattern = geometry.pattern(settings, scale);
      AttentionProblem sparse = dense.withLayout(pattern.layout());
      listener.measuring(geometry.title() + " " + backend + ": sparsity scale " + scale);
      try {
        sparseOut.out().fill((byte) 0xFF);
        Measured times = Measured.of(settings.reps(), () -> kernel.run(sparse, sparseOut));
        listener.worked(new Measurement(backend, sparse.flops() / 1e9));
        Quality quality = Quality.compare(sparseOut.out(), denseOut.out());
        double recall = Quality.massRecall(sparse, RECALL_SAMPLES, settings.seed());
        double error =
            Quality.sampledError(sparse, sparseOut.out(), CHECKED_SAMPLES, settings.seed());
        double allowed = dtype == DType.F32 ? 1e-4 : 5e-3;
        boolean right = error <= allowed && Double.isFinite(quality.relL2Error());
        return row(pattern, scale, sparse, denseTimes, times, quality, recall)
            .withStatus(
                right ? ResultRow.OK : "wrong",
                right
                    ? headsNote()
                    : "differs from the float64 reference by " + error + ", allowed " + allowed);
      } catch (RuntimeException | OutOfMemoryError e) {
        return unmeasured(geometry, scale, backend, kernel.device(), "", "failed", e.toString());
      }
    }

    private String headsNote() {
      int all = geometry.model().heads();
      int measured = geometry.shape().heads();
      return measured == all ? "" : measured + " of " + all + " heads";
    }

    private ResultRow row(
        Pattern pattern,
        double scale,
        AttentionProblem sparse,
        Measured denseTimes,
        Measured times,
        Quality quality,
        double recall) {
      double speedup = denseTimes.kernelMillis() / times.kernelMillis();
      return unmeasured(geometry, scale, backend, kernel.device(), times.kernel(), "", "")
          .withMeasurement(
              denseTimes.kernelMillis(),
              times.kernelMillis(),
              times.prepareMillis(),
              times.transferMillis(),
              speedup,
              speedup * pattern.density(),
              dense.flops() / denseTimes.kernelMillis() / 1e6,
              sparse.flops() / times.kernelMillis() / 1e6,
              quality,
              recall,
              times.extraBytes() / (double) (1 << 20));
    }
  }

  private void record(List<ResultRow> rows, ResultRow row) throws IOException {
    results.append(row);
    rows.add(row);
    listener.finished(row);
    if (strict && !row.status().equals(ResultRow.OK)) {
      throw new UnavailableException(
          "--strict: " + row.key() + " is " + row.status() + ": " + row.note());
    }
  }

  private static String key(Geometry geometry, double scale, String backend) {
    return String.join(
        " ",
        geometry.model().name(),
        geometry.resolution(),
        Integer.toString(geometry.latentFrames()),
        Integer.toString(geometry.grid().patches()),
        Double.toString(scale),
        backend);
  }

  private ResultRow unmeasured(
      Geometry geometry,
      double scale,
      String backend,
      String device,
      String kernel,
      String status,
      String note) {
    Pattern pattern = geometry.pattern(settings, scale);
    int[] attended = pattern.attendedPerFrame();
    return new ResultRow(
        geometry.model().name(),
        geometry.resolution(),
        geometry.frames(),
        geometry.latentFrames(),
        geometry.grid().patches(),
        geometry.shape().tokens(),
        geometry.shape().batch(),
        geometry.shape().heads(),
        geometry.shape().kvHeads(),
        geometry.shape().headDim(),
        dtype.name(),
        scale,
        pattern.settings().window(),
        pattern.settings().firstFrames(),
        pattern.keyFrameInterval(),
        pattern.settings().step(),
        pattern.globalFrames().size(),
        Arrays.stream(attended).min().orElseThrow(),
        Arrays.stream(attended).average().orElseThrow(),
        Arrays.stream(attended).max().orElseThrow(),
        pattern.density(),
        backend,
        device,
        kernel,
        input.label(),
        settings.seed(),
        settings.reps(),
        null,
        null,
        null,
        null,
        null,
        1 / pattern.density(),
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        status,
        note,
        commit,
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
  }
}
