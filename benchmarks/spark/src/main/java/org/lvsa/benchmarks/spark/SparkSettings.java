// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.lvsa.toolkit.io.Messages;

/** What a sweep tells Spark, beyond what its user does. */
final class SparkSettings {
  /** How often a group is tried before its cells count as failed. */
  static final int TRIES = 3;

  private static final String CORES = "spark.executor.cores";
  private static final String TASK_CPUS = "spark.task.cpus";
  private static final String JAVA_OPTIONS = "spark.executor.extraJavaOptions";
  private static final String GPUS = "spark.task.resource.gpu.amount";
  private static final Pattern LOCAL =
      Pattern.compile("local(?:\\[(\\*|\\d{1,4})(?:,\\d{1,4})?])?");
  private static final Pattern LOCAL_CLUSTER =
      Pattern.compile("local-cluster\\[\\s*\\d+\\s*,\\s*(\\d+)\\s*,\\s*\\d+\\s*]");

  private SparkSettings() {}

  /**
   * The configuration of a sweep.
   *
   * @param master where Spark is
   * @param user settings of the user, which win over those that spark-submit gives
   * @param classPath of the executors, where it is the same on every machine; null where
   *     spark-submit brings the jars
   * @throws IllegalArgumentException if an address or a setting would make measurements wrong
   */
  static SparkConf of(String master, Map<String, String> user, String classPath) {
    SparkConf conf = new SparkConf();
    user.forEach(conf::set);
    conf.setMaster(master).setIfMissing("spark.app.name", "lvsa sweep");
    conf.setIfMissing("spark.ui.enabled", "false");
    conf.setIfMissing("spark.task.maxFailures", Integer.toString(TRIES));
    if (master.startsWith("local")) {
      conf.setIfMissing("spark.driver.host", "127.0.0.1");
      conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
    }
    refuseSpeculation(conf);
    giveEachTaskAnExecutor(conf, master);
    if (conf.contains(GPUS) && !conf.get(GPUS).equals("1")) {
      throw new IllegalArgumentException(
          GPUS
              + " must be 1: a measurement runs on one device, got "
              + Messages.cut(conf.get(GPUS)));
    }
    // The JVM counts the machine's processors, which may be more than the executor was given.
    conf.set(
        JAVA_OPTIONS,
        ("--add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED"
                + " --sun-misc-unsafe-memory-access=allow -Djava.awt.headless=true"
                + " -XX:ActiveProcessorCount="
                + conf.get(TASK_CPUS)
                + " "
                + conf.get(JAVA_OPTIONS, ""))
            .strip());
    if (classPath != null) {
      conf.setIfMissing("spark.executor.extraClassPath", classPath);
    }
    return conf;
  }

  /**
   * Lets executors that see the checkout start from an archive of loaded classes, which the first
   * one to end writes. The JVM passes over an archive that does not fit it.
   *
   * @param archive path of the archive; null where there is none to share
   */
  static void shareClasses(SparkConf conf, String archive) {
    if (archive != null && conf.get("spark.master").matches("(spark://|local-cluster).*")) {
      conf.set(
          JAVA_OPTIONS,
          conf.get(JAVA_OPTIONS)
              + " -XX:+AutoCreateSharedArchive \"-XX:SharedArchiveFile="
              + archive
              + "\"");
    }
  }

  /**
   * A second copy of a running task would share the device with nobody, and its rows would double.
   */
  private static void refuseSpeculation(SparkConf conf) {
    if (conf.getBoolean("spark.speculation", false)) {
      throw new IllegalArgumentException(
          "spark.speculation must be false: a slow measurement is no stuck one, and a copy of it"
              + " would take another machine to measure the same");
    }
    conf.set("spark.speculation", "false");
  }

  /** Two tasks on one executor would share its cores while they measure. */
  private static void giveEachTaskAnExecutor(SparkConf conf, String master) {
    Matcher local = LOCAL.matcher(master);
    Matcher cluster = LOCAL_CLUSTER.matcher(master);
    if (local.matches()) {
      String threads = local.group(1);
      int cores =
          threads == null
              ? 1
              : threads.equals("*")
                  ? Runtime.getRuntime().availableProcessors()
                  : Integer.parseInt(threads);
      conf.setMaster("local[" + cores + "," + TRIES + "]");
      conf.set(TASK_CPUS, Integer.toString(cores));
      return;
    }
    if (cluster.matches()) {
      conf.set(TASK_CPUS, cluster.group(1));
      return;
    }
    if (!master.matches("(spark|k8s)://.+|yarn")) {
      throw new IllegalArgumentException(
          "--master must be spark://HOST:PORT, k8s://URL, yarn, local[N] or"
              + " local-cluster[WORKERS,CORES,MIB], got "
              + Messages.cut(master));
    }
    if (!conf.contains(CORES)) {
      throw new IllegalArgumentException(
          "give --conf "
              + CORES
              + "=N, the cores of one executor: a measurement takes all of them, so that no two"
              + " share a machine's cores");
    }
    String cores = conf.get(CORES);
    if (conf.contains(TASK_CPUS) && !conf.get(TASK_CPUS).equals(cores)) {
      throw new IllegalArgumentException(
          TASK_CPUS + " must equal " + CORES + " (" + cores + "), got " + conf.get(TASK_CPUS));
    }
    conf.set(TASK_CPUS, cores);
  }
}
