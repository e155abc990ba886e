// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.lvsa.toolkit.io.Messages;

/**
 * One row of {@code results.csv}: the outcome of one cell. {@link ResultColumns} says how it is
 * written.
 *
 * @param cell what was asked for
 * @param pattern what the pattern came to; empty if the cell was refused before it was built
 * @param timing the times; present if the status is {@link Status#OK}
 * @param quality sparse against dense; empty for implementations outside this project
 * @param status what became of the cell
 * @param note a remark in words, on one line; empty if there is nothing to say
 * @param provenance where the result comes from
 */
public record ResultRow(
    Cell cell,
    Optional<PatternFacts> pattern,
    Optional<Timing> timing,
    Optional<Quality> quality,
    Status status,
    String note,
    Provenance provenance) {

  /**
   * @throws IllegalArgumentException if a measured cell has no times or no pattern
   */
  public ResultRow {
    note = Messages.oneLine(note);
    if (status == Status.OK && (timing.isEmpty() || pattern.isEmpty())) {
      throw new IllegalArgumentException("a row with status ok needs its times and its density");
    }
  }

  /**
   * The row of a cell that was not measured.
   *
   * @param note why not
   * @param device that it was to run on; empty if that is not known
   */
  static ResultRow unmeasured(Cell cell, Status status, String note, String device) {
    return new ResultRow(
        cell,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        status,
        note,
        new Provenance(
            device,
            "",
            "",
            Environment.commit(),
            Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
            Environment.host()));
  }

  /** Whether the cell was measured and is right. */
  public boolean ok() {
    return status == Status.OK;
  }

  /** Density; NaN if the pattern was not built. */
  public double density() {
    return pattern.map(PatternFacts::density).orElse(Double.NaN);
  }

  /** Dense time over sparse time, median of the rounds; NaN if the cell was not measured. */
  public double speedup() {
    return timing.map(Timing::speedup).orElse(Double.NaN);
  }

  /** Speed-up times density: 1 if every skipped pair became time; NaN if not measured. */
  public double efficiency() {
    return speedup() * density();
  }

  /** GFLOP/s of the dense attention; NaN if not measured. */
  public double denseGflops() {
    return timing.map(times -> cell.denseFlops() / times.denseMillis() / 1e6).orElse(Double.NaN);
  }

  /** GFLOP/s of the sparse attention, counting what it computes; NaN if not measured. */
  public double sparseGflops() {
    return timing
        .map(times -> cell.denseFlops() * density() / times.sparseMillis() / 1e6)
        .orElse(Double.NaN);
  }

  /** This row with a remark added to its note. */
  ResultRow withRemark(String remark) {
    return new ResultRow(
        cell,
        pattern,
        timing,
        quality,
        status,
        note.isEmpty() ? remark : note + "; " + remark,
        provenance);
  }

  /** This row as one that a process of a cluster measured. */
  public ResultRow withExecutor(String executor) {
    return new ResultRow(
        cell,
        pattern,
        timing,
        quality,
        status,
        note,
        new Provenance(
            provenance.device(),
            provenance.kernel(),
            provenance.denseKernel(),
            provenance.commit(),
            provenance.timestamp(),
            provenance.host(),
            executor));
  }

  /** This row with what became of the quality. */
  ResultRow withQuality(Quality judged) {
    return new ResultRow(cell, pattern, timing, Optional.of(judged), status, note, provenance);
  }
}
