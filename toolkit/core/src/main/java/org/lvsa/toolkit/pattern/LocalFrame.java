// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

/**
 * The part of a frame that a rank holds.
 *
 * @param frame latent frame in the whole video
 * @param begin its first token, counted from the rank's first
 * @param end the token after its last, counted likewise
 */
public record LocalFrame(int frame, int begin, int end) {}
