// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.lvsa.toolkit.backend.UnavailableException;

/**
 * Connects to clusters. Found by {@link java.util.ServiceLoader}; the launcher leaves it out by
 * default.
 */
public interface ClusterProvider {
  /**
   * Connects.
   *
   * @param master address of the cluster, such as {@code spark://host:7077}
   * @param settings of the cluster by name
   * @throws IllegalArgumentException if the address or a setting makes no sense
   */
  ClusterSweep.Cluster connect(String master, Map<String, String> settings);

  /**
   * Sums up the results of many sweeps, which need not fit into memory.
   *
   * @param directory folder with the folders of sweeps
   * @return the files that were written
   * @throws IllegalArgumentException if there are no results
   */
  List<Path> report(String master, Map<String, String> settings, Path directory) throws IOException;

  /**
   * The provider on the class path.
   *
   * @throws UnavailableException if there is none
   */
  static ClusterProvider find() {
    return ServiceLoader.load(ClusterProvider.class)
        .findFirst()
        .orElseThrow(
            () ->
                new UnavailableException(
                    "--master needs Apache Spark, which is not on the class path: start it with"
                        + " ./lvsa or spark-submit, see docs/cluster.md"));
  }
}
