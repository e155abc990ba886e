// SPDX-License-Identifier: Apache-2.0
/**
 * Parameter sweeps: dense against sparse over a cross product of settings, every result on disk as
 * soon as it is measured. Depends on {@code pattern}, {@code model}, {@code input} and the kernels.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.sweep;
