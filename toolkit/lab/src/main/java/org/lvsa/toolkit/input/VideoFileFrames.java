// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameGrabber;
import org.bytedeco.javacv.FFmpegLogCallback;
import org.bytedeco.javacv.Frame;
import org.bytedeco.javacv.FrameGrabber;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;

/** A video file, decoded and scaled by FFmpeg through JavaCV. */
final class VideoFileFrames implements VideoFrames {
  private final Path path;

  VideoFileFrames(Path path) {
    this.path = path;
  }

  @Override
  public void read(int count, Resolution size, Receiver receiver) {
    if (!Files.isRegularFile(path)) {
      throw new MalformedFileException(path + ": no such file");
    }
    // FFmpeg's own messages would stand between the user and ours.
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    FFmpegLogCallback.set();
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    try (FFmpegFrameGrabber grabber = new FFmpegFrameGrabber(path.toFile())) {
      grabber.setImageWidth(size.width());
      grabber.setImageHeight(size.height());
      grabber.setPixelFormat(avutil.AV_PIX_FMT_RGB24);
      start(grabber);
      byte[] rgb = new byte[size.width() * size.height() * 3];
      for (int index = 0; index < count; index++) {
        Frame frame = grab(grabber, index, count);
        copy(frame, size, rgb);
        receiver.frame(index, rgb);
      }
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(path + ": cannot be decoded: " + firstLine(e));
    }
  }

  private void start(FFmpegFrameGrabber grabber) {
    try {
      grabber.start();
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(
          path + ": not a video that FFmpeg can read (not a video, or cut off before its index)");
    }
    if (!grabber.hasVideo()) {
      throw new MalformedFileException(path + ": holds no video stream");
    }
  }

  private Frame grab(FFmpegFrameGrabber grabber, int index, int count)
      throws FrameGrabber.Exception {
    Frame frame;
    try {
      frame = grabber.grabImage();
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(
          path + ": is damaged after " + index + " frames: " + firstLine(e));
    }
    if (frame == null) {
      throw new MalformedFileException(
          path
              + ": has "
              + index
              + " readable frames, "
              + count
              + " were asked for"
              + (grabber.getLengthInVideoFrames() > index + 1
                  ? " (its header promises "
                      + grabber.getLengthInVideoFrames()
                      + ": the file is truncated)"
                  : ""));
    }
    return frame;
  }

  private static void copy(Frame frame, Resolution size, byte[] rgb) {
    ByteBuffer image = (ByteBuffer) frame.image[0];
    for (int row = 0; row < size.height(); row++) {
      image.get(row * frame.imageStride, rgb, row * size.width() * 3, size.width() * 3);
    }
  }

  private static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("unknown reason");
  }
}
