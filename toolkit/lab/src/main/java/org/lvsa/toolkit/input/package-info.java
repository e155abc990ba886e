// SPDX-License-Identifier: Apache-2.0
/**
 * Query, key and value to measure with: random ones, and ones derived from the pixels of a video,
 * which is a file or a scene made in code. The derived ones stand in for a model's activations;
 * they are not a model's. Depends on {@code model} and {@code org.lvsa.kernels}.
 */
package org.lvsa.toolkit.input;
