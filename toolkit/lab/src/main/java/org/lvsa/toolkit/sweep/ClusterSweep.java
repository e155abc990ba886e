// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.Messages;

/**
 * Runs a sweep whose cells are measured by other processes, on this machine or on others. The unit
 * is a group, one geometry on one backend: its cells share inputs and dense rounds, so no ratio
 * mixes two machines. The groups with the most work start first. Rows are appended as groups are
 * finished, with the durability and the resumption of a sweep of one process.
 */
public final class ClusterSweep {
  private final SweepSettings settings;
  private final Path directory;
  private final SweepListener listener;
  private final boolean strict;

  /** Machines that measure. */
  public interface Cluster extends AutoCloseable {
    /** Under what name its results are kept together: a sweep is resumed under the same one. */
    default String name() {
      return "cluster";
    }

    /** How many groups may be under way at once; those that find no machine wait there. */
    int groupsAtOnce();

    /** What {@code environment.json} says of the cluster. */
    Map<String, Object> describe();

    /**
     * Measures a group on a machine of the cluster, on another one where that fails. Groups that
     * wait for a machine get one in the order of the calls.
     *
     * @param group as {@link SweepSettings#groups} gives it
     * @param inputSha256 checksum of the input file; empty for inputs that are made
     * @throws Exception if every try failed; the message says why the last one did
     */
    GroupMeasurement measure(SweepSettings group, String inputSha256) throws Exception;

    @Override
    void close();
  }

  /**
   * A sweep that writes to a directory.
   *
   * @param strict stop at the first cell that cannot run as asked
   */
  public ClusterSweep(
      SweepSettings settings, Path directory, SweepListener listener, boolean strict) {
    this.settings = settings;
    this.directory = directory;
    this.listener = listener;
    this.strict = strict;
  }

  /**
   * Measures every cell that is not there yet.
   *
   * @param commandLine for environment.json
   * @return all rows, those of an earlier run first
   * @throws IllegalArgumentException for settings that make no sense, before anything is written
   */
  public List<ResultRow> run(SweepRunner.Resume resume, List<String> commandLine, Cluster cluster)
      throws IOException {
    InputSource input = InputSource.parse(settings.input());
    SweepPlan whole = SweepPlan.of(settings, input);
    Identity identity = Identity.of(cluster.name(), input);
    try (SweepDirectory results =
        resume == SweepRunner.Resume.NO
            ? SweepDirectory.start(directory, settings, identity)
            : SweepDirectory.reopen(directory)) {
      SweepRows rows = new SweepRows(results, listener, strict);
      if (resume != SweepRunner.Resume.NO) {
        rows.resume(results.resume(settings, identity, resume == SweepRunner.Resume.ANYWAY));
      }
      Map<String, Object> environment = Environment.describe(commandLine, Map.of());
      environment.put("cluster", cluster.describe());
      results.environment(environment);
      Set<Cell> done = rows.cells();
      SweepPlan plan = whole.without(done);
      listener.starting(
          plan.cells(),
          done.size(),
          SweepPlan.largest(whole.groups()),
          plan.work(settings, Long.MAX_VALUE));
      measure(done, identity.inputSha256(), cluster, rows);
      return rows.all();
    }
  }

  private void measure(Set<Cell> done, String sha256, Cluster cluster, SweepRows rows)
      throws IOException {
    // The most work first: machines that are done wait for the last group, which should be short.
    List<SweepSettings> groups =
        settings.groups().stream()
            .filter(group -> !done.containsAll(cells(group)))
            .sorted(Comparator.comparingDouble(this::gflop).reversed())
            .toList();
    int atOnce = Math.clamp(groups.size(), 1, cluster.groupsAtOnce());
    try (ExecutorService threads = Executors.newFixedThreadPool(atOnce)) {
      ExecutorCompletionService<Outcome> running = new ExecutorCompletionService<>(threads);
      List<Future<Outcome>> all = new ArrayList<>();
      for (SweepSettings group : groups) {
        all.add(running.submit(() -> Outcome.of(group, sha256, cluster)));
      }
      try {
        for (int i = 0; i < groups.size(); i++) {
          take(running.take().get(), done, rows);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted; the rows so far are kept, go on with --resume", e);
      } catch (ExecutionException e) {
        throw new IllegalStateException(e.getCause());
      } finally {
        all.forEach(one -> one.cancel(true));
      }
    }
  }

  /** The work of a group, of all backends. */
  private double gflop(SweepSettings group) {
    return plan(group).work(settings, Long.MAX_VALUE).values().stream()
        .mapToDouble(Double::doubleValue)
        .sum();
  }

  private static SweepPlan plan(SweepSettings group) {
    return SweepPlan.of(group, InputSource.parse(group.input()));
  }

  private static List<Cell> cells(SweepSettings group) {
    return plan(group).groups().getFirst().cells();
  }

  /**
   * What became of a group.
   *
   * @param measured empty if every try failed
   * @param reason why; empty if one went well
   */
  private record Outcome(SweepSettings group, Optional<GroupMeasurement> measured, String reason) {
    static Outcome of(SweepSettings group, String sha256, Cluster cluster) {
      try {
        return new Outcome(group, Optional.of(cluster.measure(group, sha256)), "");
      } catch (Exception e) {
        String reason = e.getMessage() == null ? e.toString() : e.getMessage();
        return new Outcome(group, Optional.empty(), Messages.cut(Messages.oneLine(reason)));
      }
    }
  }

  /**
   * Appends a group's rows.
   *
   * @param done cells that an earlier run measured, which stay as they are
   */
  private void take(Outcome outcome, Set<Cell> done, SweepRows rows) throws IOException {
    plan(outcome.group())
        .without(done)
        .work(settings, Long.MAX_VALUE)
        .forEach((backend, gflop) -> listener.worked(backend, gflop, 0));
    if (outcome.measured().isPresent()) {
      outcome.measured().get().keep(directory);
      for (ResultRow row : outcome.measured().get().rows()) {
        if (!done.contains(row.cell())) {
          rows.add(row);
        }
      }
      return;
    }
    listener.warn(outcome.reason());
    for (Cell cell : cells(outcome.group())) {
      if (!done.contains(cell)) {
        rows.add(ResultRow.unmeasured(cell, Status.FAILED, outcome.reason(), ""));
      }
    }
  }
}
