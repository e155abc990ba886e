// SPDX-License-Identifier: Apache-2.0
/**
 * Attention as a diffusion transformer calls it, dense or sparse (LVSA), on one rank or several.
 *
 * <p>A pipeline uses it like this:
 *
 * <pre>{@code
 * GenerationOptions options =
 *     GenerationOptions.of(config)                 // window, interval, backend, dtype, LVSA or SDPA
 *         .withLatentFrames(latentFrames)
 *         .withCounting(StepCounting.EXAMPLES);    // how rotating keyframes count steps
 * try (Generation generation = new Generation(options)) {
 *   AttentionProcessor attention = AttentionProcessor.of(config, "wan");
 *   for (int step = 0; step < steps; step++) {
 *     generation.steps().begin(step);              // before the forward passes of the step
 *     ...                                          // both passes of guidance; in block number b:
 *     Attended out = attention.attend(generation, b, new Qkv(query, key, value), Optional.empty());
 *   }
 * }
 * }</pre>
 *
 * Query, key and value are float32, {@code [batch, tokens, heads, headDim]}, video tokens frame by
 * frame, with positions applied; models whose text attends together with the video pass it as the
 * last argument. A video within the training horizon at sparsity scale 1 gives the same bits as
 * dense attention.
 *
 * <p>{@link org.lvsa.toolkit.attention.Generation} holds what one video needs; {@link
 * org.lvsa.toolkit.attention.StepCounting} tells the two ways of counting steps apart; {@link
 * org.lvsa.toolkit.attention.DiffusionAttention} is the attention of a role, found by name. Where a
 * sequence does not divide into frames, attention runs dense, and a line of the log says so.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.attention;
