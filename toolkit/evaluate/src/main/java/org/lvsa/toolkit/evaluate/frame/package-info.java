// SPDX-License-Identifier: Apache-2.0
/** Frames of a video as they are judged, and what OpenCV measures on them. */
package org.lvsa.toolkit.evaluate.frame;
