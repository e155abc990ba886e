// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.input.InputSource;

/**
 * The plan of a sweep: its cells, in groups that share a geometry and a backend, and the memory
 * that each group needs.
 *
 * @param groups the groups, those of one geometry next to each other
 */
record SweepPlan(List<Group> groups) {
  /** Passes over each attention: the rounds, and one to check the result. */
  static final int PASSES = Rounds.LEAST + 1;

  /**
   * The cells of one geometry on one backend, one per sparsity scale, pattern and density.
   *
   * @param cells the cells, in the order of the scales
   * @param need the memory that measuring them takes
   */
  record Group(Geometry geometry, String backend, List<Cell> cells, MemoryNeed need) {
    /** This group without the cells that are done. */
    Group without(Set<Cell> done) {
      return new Group(
          geometry, backend, cells.stream().filter(cell -> !done.contains(cell)).toList(), need);
    }
  }

  /**
   * The plan for these settings. Nothing large is allocated.
   *
   * @throws IllegalArgumentException for sizes that a model does not take
   */
  static SweepPlan of(SweepSettings settings, InputSource input) {
    DType dtype = DType.valueOf(settings.dtype());
    List<Group> groups = new ArrayList<>();
    for (Geometry geometry : Geometry.all(settings)) {
      long attended = geometry.mostAttended(settings);
      for (String backend : settings.backends()) {
        List<Cell> cells = geometry.cells(settings, input, backend);
        MemoryNeed need = MemoryNeed.of(geometry.shape(), dtype, input, backend, attended);
        if (cells.stream().anyMatch(cell -> !cell.isScale())) {
          need = need.withPatterns(geometry.shape(), dtype, moving(cells));
        }
        groups.add(new Group(geometry, backend, cells, need));
      }
    }
    return new SweepPlan(List.copyOf(groups));
  }

  /** Patterns that bring the tokens into an order of their own; densities share it. */
  private static long moving(List<Cell> cells) {
    return cells.stream()
        .filter(cell -> !cell.isScale())
        .map(Cell::pattern)
        .distinct()
        .filter(text -> !text.startsWith("file:") && PatternSpec.parse(text).movesTokens())
        .count();
  }

  /** The plan without the cells that are done. */
  SweepPlan without(Set<Cell> done) {
    return new SweepPlan(
        groups.stream()
            .map(group -> group.without(done))
            .filter(group -> !group.cells().isEmpty())
            .toList());
  }

  /** Number of cells. */
  int cells() {
    return groups.stream().mapToInt(group -> group.cells().size()).sum();
  }

  /** The most memory that any of these groups needs, in words. */
  static String largest(List<Group> groups) {
    return groups.stream()
        .map(Group::need)
        .max(Comparator.comparingLong(MemoryNeed::totalBytes))
        .orElseThrow()
        .inWords();
  }

  /** The groups that fit in so much memory. */
  List<Group> fitting(long free) {
    return groups.stream().filter(group -> group.need().fits(free)).toList();
  }

  /** The work of the least number of rounds, in 10⁹ floating-point operations per backend. */
  Map<String, Double> work(SweepSettings settings, long free) {
    Map<String, Double> work = new LinkedHashMap<>();
    for (Group group : fitting(free)) {
      double pass = denseGflop(group.geometry().shape());
      for (Cell cell : group.cells()) {
        pass += density(group, cell, settings) * denseGflop(group.geometry().shape());
      }
      work.merge(group.backend(), PASSES * pass, Double::sum);
    }
    return work;
  }

  private static double density(Group group, Cell cell, SweepSettings settings) {
    if (cell.isScale()) {
      return group.geometry().pattern(settings, cell.sparsityScale()).density();
    }
    return Double.isNaN(cell.askedDensity()) ? 1 : cell.askedDensity();
  }

  private static double denseGflop(AttentionShape shape) {
    return 4.0
        * shape.tokens()
        * shape.tokens()
        * shape.headDim()
        * shape.heads()
        * shape.batch()
        / 1e9;
  }
}
