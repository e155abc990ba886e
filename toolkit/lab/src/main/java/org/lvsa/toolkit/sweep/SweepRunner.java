// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blockpattern.HeadInputs;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;

/**
 * Runs a sweep: for each geometry the inputs are made once, and each backend measures dense
 * attention and every sparsity scale on them. A cell that cannot run becomes a row that says why,
 * and the sweep goes on.
 */
public final class SweepRunner {
  /** How a sweep treats results that its directory holds already. */
  public enum Resume {
    /** The sweep is a new one: a directory with results is refused. */
    NO,
    /**
     * Keeps the results if the same program made them, on the same machine and from the same input.
     */
    SAME,
    /**
     * Keeps the results even if the program, the machine or the input differs; new rows say what
     * differs.
     */
    ANYWAY
  }

  /** Opens the kernels of backends, in their order. */
  @FunctionalInterface
  interface Opener {
    /** One kernel per backend of the settings. */
    List<AttentionKernel> open(SweepSettings settings);
  }

  private final SweepSettings settings;
  private final Path directory;
  private final SweepListener listener;
  private final boolean strict;
  private final Opener opener;
  private final LongSupplier nanos;
  private final InputSource input;

  /**
   * A sweep that writes to a directory.
   *
   * @param strict stop at the first cell that cannot run as asked
   */
  public SweepRunner(
      SweepSettings settings, Path directory, SweepListener listener, boolean strict) {
    this(settings, directory, listener, strict, s -> open(s, listener), System::nanoTime);
  }

  /** A sweep with given kernels and a given clock, for tests. */
  SweepRunner(
      SweepSettings settings,
      Path directory,
      SweepListener listener,
      boolean strict,
      Opener opener,
      LongSupplier nanos) {
    this.settings = settings;
    this.directory = directory;
    this.listener = listener;
    this.strict = strict;
    this.opener = opener;
    this.nanos = nanos;
    this.input = InputSource.parse(settings.input());
  }

  private static List<AttentionKernel> open(SweepSettings settings, SweepListener listener) {
    return Backends.open(
        settings.backends().stream().map(name -> Backends.named(name, listener::warn)).toList(),
        settings.kernelOptions());
  }

  /**
   * Measures every cell that is not there yet.
   *
   * @param commandLine for environment.json
   * @return all rows, in the order of the sweep
   * @throws IllegalArgumentException for settings that make no sense, before anything is written
   */
  public List<ResultRow> run(Resume resume, List<String> commandLine) throws IOException {
    SweepPlan plan = SweepPlan.of(settings, input);
    long free = MemoryNeed.free();
    List<SweepPlan.Group> fitting = plan.fitting(free);
    if (fitting.isEmpty()) {
      throw new IllegalArgumentException(tooLarge(plan.groups().getFirst(), free));
    }
    Activations.check(
        input, fitting.stream().mapToInt(group -> group.geometry().frames()).max().orElseThrow());
    Map<String, AttentionKernel> kernels = new LinkedHashMap<>();
    List<AttentionKernel> opened = opener.open(settings);
    for (int i = 0; i < opened.size(); i++) {
      kernels.put(settings.backends().get(i), opened.get(i));
    }
    try {
      Identity identity = Identity.here(kernels, input);
      try (SweepDirectory results =
          resume == Resume.NO
              ? SweepDirectory.start(directory, settings, identity)
              : SweepDirectory.reopen(directory)) {
        SweepRows rows = new SweepRows(results, listener, strict);
        if (resume != Resume.NO) {
          rows.resume(results.resume(settings, identity, resume == Resume.ANYWAY));
        }
        results.environment(Environment.describe(commandLine, kernels));
        return new Sweep(rows, kernels, free).run(plan);
      }
    } finally {
      kernels.values().forEach(AttentionKernel::close);
    }
  }

  private static String tooLarge(SweepPlan.Group group, long free) {
    return group.geometry().title()
        + " on "
        + group.backend()
        + " needs "
        + group.need().inWords()
        + ", "
        + (free >> 20)
        + " MiB are free here, "
        + (MemoryNeed.freeHeap() >> 20)
        + " MiB of them for the Java heap: measure fewer heads (--heads) or fewer frames";
  }

  /** One run of the sweep, in its directory and with its kernels. */
  private final class Sweep {
    private final SweepRows rows;
    private final Map<String, AttentionKernel> kernels;
    private final long free;
    private final Set<String> told = new HashSet<>();

    Sweep(SweepRows rows, Map<String, AttentionKernel> kernels, long free) {
      this.rows = rows;
      this.kernels = kernels;
      this.free = free;
    }

    List<ResultRow> run(SweepPlan whole) throws IOException {
      SweepPlan plan = whole.without(rows.cells());
      listener.starting(
          plan.cells(),
          whole.cells() - plan.cells(),
          SweepPlan.largest(whole.fitting(free)),
          plan.work(settings, free));
      List<SweepPlan.Group> groups = plan.groups();
      for (int begin = 0, end; begin < groups.size(); begin = end) {
        end = begin + 1;
        while (end < groups.size()
            && groups.get(end).geometry().equals(groups.get(begin).geometry())) {
          end++;
        }
        measure(groups.subList(begin, end));
      }
      return rows.all();
    }

    /** Groups of one geometry share their inputs. */
    private void measure(List<SweepPlan.Group> groups) throws IOException {
      List<SweepPlan.Group> left = new ArrayList<>(groups);
      for (SweepPlan.Group group : groups) {
        if (!group.need().fits(free)) {
          String reason = tooLarge(group, free);
          listener.warn("refused: " + reason);
          left.remove(group);
          unmeasured(group, Status.REFUSED, reason);
        }
      }
      if (left.isEmpty()) {
        return;
      }
      Geometry geometry = left.getFirst().geometry();
      listener.measuring(geometry.title() + ": making the inputs");
      Set<SweepPlan.Group> begun = new HashSet<>();
      try (Arena arena = Arena.ofShared()) {
        AttentionInputs inputs = inputs(geometry, arena);
        CellGroup.Outputs outputs =
            new CellGroup.Outputs(
                AttentionOutput.allocate(geometry.shape(), arena),
                AttentionOutput.allocate(geometry.shape(), arena));
        Cases cases = new Cases(geometry, inputs);
        for (SweepPlan.Group group : left) {
          begun.add(group);
          AttentionKernel kernel = kernels.get(group.backend());
          SweepPlan.Group possible = cases.possible(group, kernel);
          if (!possible.cells().isEmpty()) {
            List<SparseCase> sparse = new ArrayList<>();
            for (Cell cell : possible.cells()) {
              sparse.add(cases.of(cell, kernel));
            }
            new CellGroup(possible, sparse, settings, kernel, inputs, outputs, nanos, listener)
                .measure(rows::add);
            tellPassedOver(kernel);
          }
        }
      } catch (OutOfMemoryError e) {
        // What was judged to fit did not: the memory went elsewhere meanwhile.
        for (SweepPlan.Group group : left) {
          if (!begun.contains(group)) {
            unmeasured(group, Status.FAILED, "making the inputs: " + CellGroup.reason(e));
          }
        }
      }
    }

    /** Tells once of each kernel that was left out; under strict rules that ends the sweep. */
    private void tellPassedOver(AttentionKernel kernel) {
      for (String what : kernel.passedOver()) {
        String line = CellGroup.PASSED_OVER + what;
        if (told.add(line)) {
          if (strict) {
            throw new UnavailableException("--strict: " + line);
          }
          listener.warn(line);
        }
      }
    }

    /** The sparse attentions of a geometry, which backends that mask alike share. */
    private final class Cases {
      private final Geometry geometry;
      private final AttentionInputs inputs;
      private final Map<String, SparseCase> made = new HashMap<>();
      private List<HeadInputs> heads = List.of();

      Cases(Geometry geometry, AttentionInputs inputs) {
        this.geometry = geometry;
        this.inputs = inputs;
      }

      /** The cells whose pattern can be made; the others become rows that say why not. */
      SweepPlan.Group possible(SweepPlan.Group group, AttentionKernel kernel) throws IOException {
        List<Cell> possible = new ArrayList<>();
        for (Cell cell : group.cells()) {
          try {
            of(cell, kernel);
            possible.add(cell);
          } catch (IllegalArgumentException e) {
            listener.warn(e.getMessage());
            unmeasured(
                new SweepPlan.Group(geometry, group.backend(), List.of(cell), group.need()),
                Status.UNSUPPORTED,
                e.getMessage());
          }
        }
        return new SweepPlan.Group(geometry, group.backend(), possible, group.need());
      }

      SparseCase of(Cell cell, AttentionKernel kernel) throws IOException {
        String key = cell.what() + (kernel.runsBands() ? "" : " in whole blocks");
        SparseCase there = made.get(key);
        if (there == null) {
          if (!cell.isScale()) {
            listener.measuring(geometry.title() + ": choosing the blocks of " + cell.what());
          }
          there =
              cell.isScale()
                  ? SparseCase.of(geometry, geometry.pattern(settings, cell.sparsityScale()))
                  : SparseCase.of(geometry, cell, this::heads, kernel);
          made.put(key, there);
          if (!cell.isScale()) {
            SavedMask.write(directory, cell, there.selection(0, 0).mask());
          }
        }
        return there;
      }

      /** The heads of all sequences, one after another. */
      private List<HeadInputs> heads() {
        if (heads.isEmpty()) {
          int perSequence = geometry.shape().heads();
          heads =
              IntStream.range(0, geometry.shape().batch() * perSequence)
                  .mapToObj(
                      i ->
                          HeadInputs.of(
                              geometry.shape(),
                              inputs.dtype(),
                              inputs.query(),
                              inputs.key(),
                              inputs.value(),
                              i / perSequence,
                              i % perSequence))
                  .toList();
        }
        return heads;
      }
    }

    private AttentionInputs inputs(Geometry geometry, Arena arena) {
      DType dtype = DType.valueOf(settings.dtype());
      Activations made =
          Activations.of(
              input,
              geometry.shape(),
              dtype,
              geometry.model(),
              geometry.grid(),
              settings.seed(),
              arena);
      return new AttentionInputs(geometry.shape(), dtype, made.query(), made.key(), made.value());
    }

    private void unmeasured(SweepPlan.Group group, Status status, String reason)
        throws IOException {
      String remark = group.geometry().remark();
      for (Cell cell : group.cells()) {
        rows.add(
            ResultRow.unmeasured(
                cell,
                status,
                remark.isEmpty() ? reason : remark + "; " + reason,
                kernels.get(cell.backend()).device()));
      }
    }
  }
}
