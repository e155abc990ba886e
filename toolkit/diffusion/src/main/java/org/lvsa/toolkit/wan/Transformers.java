// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.toolkit.parallel.RankPlace;

/**
 * The transformers of a model: one for all steps, or one for the steps of high noise and one for
 * those of low noise (Wan 2.2 A14B). Where one of two is missing, the other makes its steps.
 *
 * @param first of high noise, or the only one; empty where only the other is there
 * @param second of low noise; empty where there is none
 */
record Transformers(Optional<WanTransformer> first, Optional<WanTransformer> second)
    implements AutoCloseable {
  /** The first one's name, as its folder is called. */
  static final String FIRST = "transformer";

  /** The second one's. */
  static final String SECOND = "transformer_2";

  /** At least one. */
  Transformers {
    if (first.isEmpty() && second.isEmpty()) {
      throw new IllegalArgumentException("a model needs a transformer");
    }
  }

  /** One for all steps. */
  Transformers(WanTransformer only) {
    this(Optional.of(only), Optional.empty());
  }

  private Stream<WanTransformer> all() {
    return Stream.concat(first.stream(), second.stream());
  }

  boolean pair() {
    return first.isPresent() && second.isPresent();
  }

  /**
   * Puts them on a device, where they take turns.
   *
   * @return the one that makes the first step
   */
  DeviceWan onDevice(DeviceWan.Placing placing) {
    return all().map(one -> one.onDevice(placing)).toList().getFirst();
  }

  /** Sizes, which are those of both. */
  WanConfig config() {
    return all().findFirst().orElseThrow().config();
  }

  /** The name of the one that makes a step. */
  String name(boolean highNoise) {
    if (pair()) {
      return highNoise ? FIRST : SECOND;
    }
    return first.isPresent() ? FIRST : SECOND;
  }

  /** The names of those that are there. */
  List<String> names() {
    return Stream.concat(first.stream().map(one -> FIRST), second.stream().map(one -> SECOND))
        .toList();
  }

  /** The one of that name, which must be there. */
  WanTransformer named(String name) {
    return (name.equals(FIRST) ? first : second).orElseThrow();
  }

  /**
   * Bytes of the weights that are needed at the same time: those of the larger one, since mapped
   * weights that are not read any more take no memory that others need.
   */
  long bytes() {
    return all().mapToLong(one -> one.weights().bytes()).max().orElseThrow();
  }

  /** The same for another rank that runs at the same time; weights are shared. */
  Transformers forRank(RankPlace place) {
    return new Transformers(
        first.map(one -> one.forRank(place)), second.map(one -> one.forRank(place)));
  }

  /** Slows the temporal position that would repeat, see {@link WanTransformer#riflex}. */
  void riflex(int trainingFrames, double scale) {
    all().forEach(one -> one.riflex(trainingFrames, scale));
  }

  @Override
  public void close() {
    first.ifPresent(WanTransformer::close);
    second.ifPresent(WanTransformer::close);
  }
}
