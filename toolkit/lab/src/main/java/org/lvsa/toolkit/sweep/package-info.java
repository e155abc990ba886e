// SPDX-License-Identifier: Apache-2.0
/**
 * Sweeps: dense attention against sparse attention over a cross product of settings.
 *
 * <p>{@link org.lvsa.toolkit.sweep.SweepSettings} says what is measured, {@link
 * org.lvsa.toolkit.sweep.SweepRunner} measures it, and each {@link org.lvsa.toolkit.sweep.Cell}
 * becomes one {@link org.lvsa.toolkit.sweep.ResultRow}, which is on disk before the next cell.
 * Dense and sparse attention take turns in rounds, so that the speed-up comes with an interval;
 * both results are checked against the float64 reference. Depends on {@code pattern}, {@code
 * model}, {@code input} and the kernels.
 */
package org.lvsa.toolkit.sweep;
