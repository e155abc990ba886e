// SPDX-License-Identifier: Apache-2.0
/**
 * The attention blocks of video diffusion transformers on ND4J, with weights under the names of the
 * diffusers library.
 *
 * <p>{@link org.lvsa.toolkit.adapter.ModelAdapter} is what one family of models does around
 * attention. {@link org.lvsa.toolkit.adapter.AttentionBlock} puts an adapter's pieces together,
 * {@link org.lvsa.toolkit.adapter.Transformer} runs the blocks of a model, on one rank or several,
 * and installs LVSA in them.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.adapter;
