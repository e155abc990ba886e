// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

/** Of a made-up pipeline: its second list computes two blocks more, and its last one. */
public final class TwoListsEnabler implements CacheEnabler {
  /** The pipeline's class. */
  static final String PIPELINE = "TwoListsPipeline";

  @Override
  public String pipeline() {
    return PIPELINE;
  }

  @Override
  public DbCacheSettings settings(DbCacheSettings asked, String transformer, String list) {
    return list.equals("single")
        ? new DbCacheSettings(
            asked.firstBlocks() + 2,
            1,
            asked.limits(),
            asked.difference(),
            asked.mask(),
            asked.taylorOrder(),
            asked.refresh())
        : asked;
  }
}
