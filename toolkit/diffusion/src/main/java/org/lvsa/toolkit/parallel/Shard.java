// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

/**
 * One rank's part of a query, key, value or output tensor.
 *
 * @param video this rank's {@code videoTokens / world} video tokens, {@code [tokens, heads,
 *     headDim]}
 * @param text all text tokens, which every rank holds alike, {@code [tokens, heads, headDim]};
 *     empty if there are none
 */
public record Shard(float[] video, float[] text) {}
