// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.WorkerGrid2D;

/**
 * A task graph that is being filled, with the threads of its tasks.
 *
 * <p>TornadoVM looks up the device of a graph by the graph's name, in a property of the process,
 * and does so more than once. So a graph's name in TornadoVM has its device in it: graphs of one
 * name on several devices do not disturb each other.
 *
 * @param name the graph's name in its plan
 * @param device what the graph runs on
 * @param graph takes the tasks
 * @param grids takes the threads of each task
 * @param sizes takes them too, in the order of the tasks
 */
record GraphTasks(
    String name,
    TornadoTarget device,
    TaskGraph graph,
    GridScheduler grids,
    List<WorkerGrid> sizes) {
  private static final int THREADS = FloatTransformerKernels.THREADS;

  /**
   * An empty graph. Its tasks are analysed for its device: without the property, TornadoVM analyses
   * them for its first driver, whatever device they run on later, and refuses what that driver
   * lacks.
   */
  static GraphTasks of(String name, TornadoTarget device, GridScheduler grids) {
    String unique = unique(name, device);
    System.setProperty(unique + ".device", device.place());
    return new GraphTasks(name, device, new TaskGraph(unique), grids, new ArrayList<>());
  }

  private static String unique(String name, TornadoTarget device) {
    return name + "_" + device.place().replace(':', '_');
  }

  /** Takes over arrays that another graph of the plan left on the device. */
  GraphTasks consume(String from, Object... arrays) {
    graph.consumeFromDevice(unique(from, device), arrays);
    return this;
  }

  /** The task of that name gets one work-group for each row. */
  void perRow(String task, int rows) {
    perThread(task, Math.multiplyExact(rows, THREADS));
  }

  /** The task of that name gets one work-group for each row of that many numbers. */
  void perRow(String task, int rows, int width) {
    int threads = RowThreads.of(width);
    grid(task, Math.multiplyExact(rows, threads), threads);
  }

  /** The task of that name gets at least that many threads. */
  void perThread(String task, int threads) {
    grid(task, Math.multiplyExact(Math.ceilDiv(threads, THREADS), THREADS), THREADS);
  }

  private void grid(String task, int threads, int ofGroup) {
    WorkerGrid1D grid = new WorkerGrid1D(threads);
    grid.setLocalWork(ofGroup, 1, 1);
    add(task, grid);
  }

  /** The task of that name gets that many work-groups along x and y. */
  void groups(String task, int x, int y, int threads) {
    WorkerGrid2D grid = new WorkerGrid2D(Math.multiplyExact(x, threads), y);
    grid.setLocalWork(threads, 1, 1);
    add(task, grid);
  }

  private void add(String task, WorkerGrid grid) {
    grids.addWorkerGrid(graph.getTaskGraphName() + "." + task, grid);
    sizes.add(grid);
  }
}
