// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.lvsa.toolkit.backend.UnavailableException;

/**
 * The rows of a sweep, those of an earlier run first: each new one is on disk before anybody is
 * told of it.
 */
final class SweepRows {
  private final SweepDirectory results;
  private final SweepListener listener;
  private final boolean strict;
  private final List<ResultRow> rows = new ArrayList<>();
  private String elsewhere = "";

  /**
   * @param strict whether a cell that did not run as asked ends the sweep
   */
  SweepRows(SweepDirectory results, SweepListener listener, boolean strict) {
    this.results = results;
    this.listener = listener;
    this.strict = strict;
  }

  /** Takes over what an earlier run measured; new rows say if that was done elsewhere. */
  void resume(SweepDirectory.Resumed resumed) {
    rows.addAll(resumed.rows());
    if (!resumed.differences().isEmpty()) {
      elsewhere = "resumed elsewhere: " + String.join(", ", resumed.differences());
      listener.warn(elsewhere);
    }
    if (resumed.doubled() > 0) {
      listener.warn(resumed.doubled() + " rows of cells that were there twice are dropped");
    }
  }

  /** The cells that have a row. */
  Set<Cell> cells() {
    return rows.stream().map(ResultRow::cell).collect(Collectors.toSet());
  }

  /** Adds a row. */
  void add(ResultRow measured) throws IOException {
    ResultRow row = elsewhere.isEmpty() ? measured : measured.withRemark(elsewhere);
    results.append(row);
    rows.add(row);
    listener.finished(row);
    if (strict && !row.ok()) {
      throw new UnavailableException(
          "--strict: " + row.cell().title() + " is " + row.status() + ": " + row.note());
    }
  }

  /** All rows so far. */
  List<ResultRow> all() {
    return rows;
  }
}
