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
  /** FFmpeg's names of the containers that hold their streams themselves. */
  private static final String CONTAINERS =
      "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,ogg,flv,gif,asf,ivf,nut,yuv4mpegpipe";

  private final Path path;

  VideoFileFrames(Path path) {
    this.path = path;
  }

  @Override
  public void read(int count, Resolution size, Receiver receiver) {
    try (FFmpegFrameGrabber grabber = open(size)) {
      byte[] rgb = new byte[size.width() * size.height() * 3];
      for (int index = 0; index < count; index++) {
        Frame frame = grab(grabber, index);
        if (frame == null) {
          throw tooShort(grabber, index, count);
        }
        copy(frame, size, rgb);
        receiver.frame(index, rgb);
      }
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(path + ": cannot be decoded: " + firstLine(e));
    }
  }

  /** How many frames can be read, at most {@code most}. */
  int count(int most) {
    try (FFmpegFrameGrabber grabber = open(new Resolution(16, 16))) {
      int count = 0;
      while (count < most && grab(grabber, count) != null) {
        count++;
      }
      return count;
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(path + ": cannot be decoded: " + firstLine(e));
    }
  }

  private FFmpegFrameGrabber open(Resolution size) {
    if (!Files.exists(path)) {
      throw new MalformedFileException(path + ": no such file");
    }
    if (!Files.isRegularFile(path)) {
      throw new MalformedFileException(path + ": is not a regular file");
    }
    // FFmpeg's own messages would stand between the user and ours.
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    FFmpegLogCallback.set();
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    FFmpegFrameGrabber grabber = new FFmpegFrameGrabber(path.toFile());
    // The content decides how a file is read, whatever its name; a playlist would lead elsewhere.
    grabber.setOption("format_whitelist", CONTAINERS);
    grabber.setOption("protocol_whitelist", "file");
    grabber.setImageWidth(size.width());
    grabber.setImageHeight(size.height());
    grabber.setPixelFormat(avutil.AV_PIX_FMT_RGB24);
    start(grabber);
    return grabber;
  }

  private void start(FFmpegFrameGrabber grabber) {
    String reason = "holds no video stream";
    try {
      grabber.start();
      if (grabber.hasVideo()) {
        return;
      }
    } catch (FrameGrabber.Exception e) {
      reason =
          "not a video that FFmpeg can read (not a video, a playlist, or cut off before its index)";
    }
    try {
      grabber.close();
    } catch (FrameGrabber.Exception e) {
      reason += "; closing it: " + firstLine(e);
    }
    throw new MalformedFileException(path + ": " + reason);
  }

  /** The next frame; null after the last one. */
  private Frame grab(FFmpegFrameGrabber grabber, int index) {
    try {
      return grabber.grabImage();
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(
          path + ": is damaged after " + index + " frames: " + firstLine(e));
    }
  }

  private MalformedFileException tooShort(FFmpegFrameGrabber grabber, int index, int count) {
    int promised = grabber.getLengthInVideoFrames();
    return new MalformedFileException(
        path
            + ": has "
            + index
            + " readable frames, "
            + count
            + " were asked for"
            + (promised > index + 1
                ? " (its header promises " + promised + ": the file is truncated)"
                : ""));
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
