// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

/**
 * What a rank holds of query, key, value or output, {@code [tokens, heads, headDim]} each: its own
 * part of the video's tokens, and the whole text, which every rank holds alike.
 *
 * @param video {@code videoTokens / world} tokens
 * @param text all text tokens; empty if there are none
 */
public record Shard(float[] video, float[] text) {}
