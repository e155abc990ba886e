// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

/**
 * Where a model's video tokens are split among ranks, and where they come together again: names of
 * modules, as in diffusers' {@code _cp_plan}. The encoder's tokens are never split.
 *
 * @param splitAt before this module
 * @param gatherAt after this one
 */
public record ContextParallelPlan(String splitAt, String gatherAt) {
  /** Video tokens are axis 1 of {@code [batch, tokens, width]}. */
  public static final int AXIS = 1;
}
