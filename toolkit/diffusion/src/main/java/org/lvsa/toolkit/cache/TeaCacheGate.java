// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.blocks.Tokens;

/** Compares the modulated input of a step with the one of the step before, computed or not. */
final class TeaCacheGate implements WholeContext.Gate {
  /** Added to the size of the earlier input, as published. */
  private static final double EPS = 1e-8;

  private final TeaCacheDecision decision;
  private final RankMeans means;
  private Tokens previous;

  TeaCacheGate(TeaCacheDecision decision, RankMeans means) {
    this.decision = decision;
    this.means = means;
  }

  @Override
  public boolean cached(BlockSequence first, boolean buffered) {
    Tokens now = first.modulatedInput();
    double difference = previous == null ? Double.NaN : relative(previous, now, means);
    if (previous != null) {
      previous.close();
    }
    previous = now;
    return decision.cached(difference) && buffered;
  }

  /** {@code mean|now − earlier| / (mean|earlier| + 1e-8)}. */
  static double relative(Tokens earlier, Tokens now, RankMeans means) {
    Differences.Sums sums = means.of(Differences.of(earlier, now, 1, 0));
    double elements = means.sum(new double[] {earlier.elements()})[0];
    return sums.difference() / elements / (sums.size() / elements + EPS);
  }

  @Override
  public void save(CacheState.Part to) {
    to.put("decision", decision.save());
    if (previous != null) {
      to.put("previous", previous);
    }
  }

  @Override
  public void restore(CacheState.Part from) {
    decision.restore(from.numbers("decision", decision.save().length));
    previous = from.hasTensor("previous") ? from.tokens("previous") : null;
  }

  @Override
  public void close() {
    if (previous != null) {
      previous.close();
      previous = null;
    }
  }
}
