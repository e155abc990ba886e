// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.model.Resolution;

/**
 * The frames of a video that are judged.
 *
 * @param path the file, as the user gave it
 * @param size of an upright frame
 * @param frameRate frames per second
 * @param totalFrames how many frames the file says it has
 * @param duration seconds
 * @param codec four characters
 * @param indices number of each judged frame in the video, ascending; at least as many as frames
 * @param frames at least one
 * @param note what is unusual about the file, such as a varying rate
 */
public record SampledVideo(
    Path path,
    Resolution size,
    double frameRate,
    long totalFrames,
    double duration,
    String codec,
    List<Integer> indices,
    List<RgbFrame> frames,
    Optional<String> note) {

  /** Lists are copied. */
  public SampledVideo {
    indices = List.copyOf(indices);
    frames = List.copyOf(frames);
    if (frames.isEmpty() || indices.size() < frames.size()) {
      throw new IllegalArgumentException(
          frames.size() + " frames with " + indices.size() + " indices");
    }
  }

  /** How many frames are judged. */
  public int count() {
    return frames.size();
  }

  /** A judged frame. */
  public RgbFrame frame(int i) {
    return frames.get(i);
  }

  /** The number in the video of a judged frame. */
  public int index(int i) {
    return indices.get(i);
  }
}
