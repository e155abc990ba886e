// SPDX-License-Identifier: Apache-2.0
/**
 * The attention blocks of video diffusion transformers on ND4J, with weights under diffusers'
 * names. {@link org.lvsa.toolkit.adapter.ModelAdapter} is what one family does; the rest puts it
 * together, installs LVSA in it and runs it, on one rank or several. Depends on attention, config,
 * model, tensor and the kernels' types.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.adapter;
