// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What the networks that are there say of a video.
 *
 * @param rows by network: {@code [judged frames, length]}; one row for the prompt and for the pose
 *     model; scores are rows of length 1
 */
public record Features(Map<Network, double[][]> rows) {
  /** Without any network. */
  public static final Features NONE = new Features(Map.of());

  /** The map is copied. */
  public Features {
    rows = rows.isEmpty() ? Map.of() : Map.copyOf(rows);
  }

  /** Whether a network's results are there. */
  public boolean has(Network network) {
    return rows.containsKey(network);
  }

  /** The networks among these whose results are not there. */
  public List<Network> missing(Network... wanted) {
    return Stream.of(wanted).filter(network -> !has(network)).toList();
  }

  /** A row per frame. */
  public double[][] vectors(Network network) {
    double[][] vectors = rows.get(network);
    if (vectors == null) {
      throw new IllegalStateException(network.title() + " is not there");
    }
    return vectors;
  }

  /** A number per frame. */
  public double[] scores(Network network) {
    return Stream.of(vectors(network)).mapToDouble(row -> row[0]).toArray();
  }

  /** With the results of one more network. */
  public Features with(Network network, double[][] results) {
    Map<Network, double[][]> all = new EnumMap<>(Network.class);
    all.putAll(rows);
    all.put(network, results);
    return new Features(all);
  }

  /** With all results of others, which go before these. */
  public Features with(Features others) {
    Features all = this;
    for (Map.Entry<Network, double[][]> one : others.rows.entrySet()) {
      all = all.with(one.getKey(), one.getValue());
    }
    return all;
  }
}
