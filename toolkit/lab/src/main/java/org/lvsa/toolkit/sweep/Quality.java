// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

/**
 * How far the sparse result is from the dense one.
 *
 * @param relL2Error ‖sparse − dense‖ / ‖dense‖
 * @param maxAbsError largest |sparse − dense|
 * @param cosine cosine of the angle between sparse and dense
 * @param massRecall share of the dense softmax probability that lies on attended keys, over sampled
 *     queries
 */
public record Quality(double relL2Error, double maxAbsError, double cosine, double massRecall) {}
