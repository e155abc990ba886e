// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

/**
 * Settings of a step cache that differ among a pipeline's lists of blocks. Found by {@link
 * java.util.ServiceLoader}; a pipeline without one uses the same settings for every list.
 */
public interface CacheEnabler {
  /** The pipeline's class, {@code _class_name} of its {@code model_index.json}. */
  String pipeline();

  /**
   * The settings for one list of blocks.
   *
   * @param asked what the user asked for
   * @param transformer the transformer's name, such as {@code transformer_2}
   * @param list the list's name, such as {@code blocks}
   */
  DbCacheSettings settings(DbCacheSettings asked, String transformer, String list);
}
