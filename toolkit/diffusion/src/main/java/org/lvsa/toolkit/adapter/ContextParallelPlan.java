// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

/**
 * Where a model's video tokens are split among ranks, and where they are gathered again, by the
 * module names of the diffusers library. The encoder's tokens are never split.
 *
 * @param splitAt the tokens are split before this module
 * @param gatherAt the tokens are gathered after this module
 */
public record ContextParallelPlan(String splitAt, String gatherAt) {
  /** Video tokens are axis 1 of {@code [batch, tokens, width]}. */
  public static final int AXIS = 1;
}
