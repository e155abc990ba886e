// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.JavaSparkContext;
import org.lvsa.toolkit.sweep.ClusterSweep;
import org.lvsa.toolkit.sweep.GroupMeasurement;
import org.lvsa.toolkit.sweep.SweepSettings;

/** The executors of a Spark application, each of which measures one group at a time. */
final class SparkCluster implements ClusterSweep.Cluster {
  /** Jobs that wait for an executor cost a thread each. */
  private static final int MOST_JOBS = 256;

  private final JavaSparkContext spark;

  /** Spark runs jobs in the order in which they come, and a fair lock keeps that of the callers. */
  private final Lock inOrder = new ReentrantLock(true);

  SparkCluster(SparkConf conf) {
    spark = new JavaSparkContext(conf);
    // Spark's own lines would run through the progress bar; what goes wrong is in the rows.
    spark.setLogLevel("ERROR");
  }

  @Override
  public int groupsAtOnce() {
    return MOST_JOBS;
  }

  @Override
  public Map<String, Object> describe() {
    Map<String, Object> words = new LinkedHashMap<>();
    words.put("spark", spark.version());
    words.put("master", spark.master());
    words.put("application", spark.sc().applicationId());
    for (String name :
        List.of("spark.executor.cores", "spark.task.cpus", "spark.task.resource.gpu.amount")) {
      if (spark.getConf().contains(name)) {
        words.put(name, spark.getConf().get(name));
      }
    }
    return words;
  }

  @Override
  public GroupMeasurement measure(SweepSettings group, String inputSha256) throws Exception {
    try {
      return submit(group, inputSha256).get().getFirst();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof SparkException failed
          ? new IllegalStateException(reason(failed), failed)
          : e;
    }
  }

  /** A job of its own: a group that fails three times ends its job, and no other. */
  private Future<List<GroupMeasurement>> submit(SweepSettings group, String inputSha256) {
    inOrder.lock();
    try {
      GroupTask task = new GroupTask(group.toJson(), inputSha256);
      return spark.parallelize(List.of(task), 1).map(GroupTask::run).collectAsync();
    } finally {
      inOrder.unlock();
    }
  }

  /** The line of Spark's message that says what the last try died of. */
  private static String reason(SparkException e) {
    Throwable cause = e.getCause();
    if (cause != null && cause.getMessage() != null) {
      return SparkSettings.TRIES + " tries failed: " + cause.getMessage();
    }
    String message = String.valueOf(e.getMessage());
    return message.lines().limit(2).reduce((a, b) -> a + " " + b).orElse(message);
  }

  @Override
  public void close() {
    spark.close();
  }
}
