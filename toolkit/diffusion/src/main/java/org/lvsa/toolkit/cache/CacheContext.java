// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import org.lvsa.toolkit.blocks.BlockSequence;

/** What a cache remembers of one transformer and one branch of guidance during one run. */
interface CacheContext extends AutoCloseable {
  /**
   * Runs a list's blocks, or takes them from the cache.
   *
   * @return whether they were taken from the cache
   */
  boolean run(BlockSequence blocks);

  /** Saves what is remembered. */
  void save(CacheState.Part to);

  /** Goes on from what was saved; called before the first run. */
  void restore(CacheState.Part from);

  @Override
  void close();
}
