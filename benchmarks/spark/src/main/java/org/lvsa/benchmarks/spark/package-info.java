// SPDX-License-Identifier: Apache-2.0
/**
 * Sweeps on Apache Spark. A group of cells, which share their inputs and dense rounds, is one task;
 * {@link org.lvsa.benchmarks.spark.SparkCluster} gives each task a whole executor, so that no two
 * measure on one device, and {@link org.lvsa.toolkit.sweep.ClusterSweep} collects the rows. {@code
 * docs/cluster.md} tells how to run it.
 */
package org.lvsa.benchmarks.spark;
