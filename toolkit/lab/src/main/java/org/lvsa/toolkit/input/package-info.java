// SPDX-License-Identifier: Apache-2.0
/**
 * Queries, keys and values to measure with: random ones, and ones derived from the pixels of a
 * video (a file, or a scene made in code). The derived ones stand in for a model's activations;
 * they are not a model's. Depends on {@code model} and {@code org.lvsa.kernels}.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.input;
