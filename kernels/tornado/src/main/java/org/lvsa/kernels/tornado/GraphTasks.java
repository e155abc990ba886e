// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.WorkerGrid2D;

/**
 * A task graph that is being filled, with the threads of its tasks.
 *
 * @param graph takes the tasks
 * @param grids takes the threads of each task
 */
record GraphTasks(TaskGraph graph, GridScheduler grids) {
  private static final int THREADS = FloatTransformerKernels.THREADS;

  static GraphTasks of(String name, TornadoTarget device, GridScheduler grids) {
    return new GraphTasks(DevicePlan.graph(name, device), grids);
  }

  /** The task of that name gets one work-group for each row. */
  void perRow(String task, int rows) {
    perThread(task, Math.multiplyExact(rows, THREADS));
  }

  /** The task of that name gets at least that many threads. */
  void perThread(String task, int threads) {
    WorkerGrid1D grid =
        new WorkerGrid1D(Math.multiplyExact(Math.ceilDiv(threads, THREADS), THREADS));
    grid.setLocalWork(THREADS, 1, 1);
    grids.addWorkerGrid(name(task), grid);
  }

  /** The task of that name gets that many work-groups along x and y. */
  void groups(String task, int x, int y, int threads) {
    WorkerGrid2D grid = new WorkerGrid2D(Math.multiplyExact(x, threads), y);
    grid.setLocalWork(threads, 1, 1);
    grids.addWorkerGrid(name(task), grid);
  }

  private String name(String task) {
    return graph.getTaskGraphName() + "." + task;
  }
}
