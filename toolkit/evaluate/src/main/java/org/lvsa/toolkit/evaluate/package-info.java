// SPDX-License-Identifier: Apache-2.0
/**
 * Quality of videos: the six dimensions of VQeval, the LVSA authors' quality tool, and measures
 * that need no network. One class per dimension, pure functions of a video's frames and of what
 * networks say of them.
 *
 * <p>{@link org.lvsa.toolkit.evaluate.Rules} tells the published tool's numbers, faults included,
 * from ours. {@code docs/evaluate.md} lists the differences.
 */
package org.lvsa.toolkit.evaluate;
