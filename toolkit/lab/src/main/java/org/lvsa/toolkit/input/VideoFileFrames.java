// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.nio.file.Path;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.video.VideoReader;

/** A video file, decoded and scaled. */
final class VideoFileFrames implements VideoFrames {
  private static final int SMALL_SIDE = 16;

  private final Path path;

  VideoFileFrames(Path path) {
    this.path = path;
  }

  @Override
  public void read(int count, Resolution size, Receiver receiver) {
    try (VideoReader reader = VideoReader.open(path, size.width(), size.height())) {
      byte[] rgb = new byte[reader.frameBytes()];
      for (int index = 0; index < count; index++) {
        if (!reader.read(rgb)) {
          throw tooShort(reader, count);
        }
        receiver.frame(index, rgb);
      }
    }
  }

  /** How many frames can be read, at most {@code most}. */
  int count(int most) {
    try (VideoReader reader = VideoReader.open(path, SMALL_SIDE, SMALL_SIDE)) {
      byte[] rgb = new byte[reader.frameBytes()];
      while (reader.framesRead() < most && reader.read(rgb)) {
        // Counted by the reader.
        continue;
      }
      return reader.framesRead();
    }
  }

  private MalformedFileException tooShort(VideoReader reader, int count) {
    int promised = reader.promisedFrames();
    return new MalformedFileException(
        path
            + ": has "
            + reader.framesRead()
            + " readable frames, "
            + count
            + " were asked for"
            + (promised > reader.framesRead() + 1
                ? " (its header promises " + promised + ": the file is truncated)"
                : ""));
  }
}
