// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import org.lvsa.toolkit.blocks.BlockSequence;

/** Decides by known ratios of magnitudes, without a look at the streams. */
record MagCacheGate(MagCacheDecision decision) implements WholeContext.Gate {
  @Override
  public boolean cached(BlockSequence first, boolean buffered) {
    return decision.cached(buffered);
  }

  @Override
  public void save(CacheState.Part to) {
    to.put("decision", decision.save());
  }

  @Override
  public void restore(CacheState.Part from) {
    decision.restore(from.numbers("decision", decision.save().length));
  }
}
