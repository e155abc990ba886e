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
 * @param oracleRecall mass recall over that of as many blocks that hold the most, over sampled
 *     queries; NaN if not known
 * @param worstHeadError relative L2 error of the head where it is largest; NaN if not known
 */
public record Quality(
    double relL2Error,
    double maxAbsError,
    double cosine,
    double massRecall,
    double oracleRecall,
    double worstHeadError) {}
