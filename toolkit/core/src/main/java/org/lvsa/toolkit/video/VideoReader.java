// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.javacv.FFmpegFrameGrabber;
import org.bytedeco.javacv.FFmpegLogCallback;
import org.bytedeco.javacv.Frame;
import org.bytedeco.javacv.FrameGrabber;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * Reads the frames of a video file, one after the other, as RGB pixels.
 *
 * <p>The content of the file decides how it is read, whatever its name. Only containers that hold
 * their streams themselves are taken: a playlist, which would lead to other files or to the
 * network, is refused.
 */
public final class VideoReader implements AutoCloseable {
  /** FFmpeg's names of the containers that hold their streams themselves. */
  private static final String CONTAINERS =
      "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,ogg,flv,gif,asf,ivf,nut,yuv4mpegpipe";

  private static final int CHANNELS = 3;

  private final Path path;
  private final FFmpegFrameGrabber grabber;
  private int frames;

  private VideoReader(Path path, FFmpegFrameGrabber grabber) {
    this.path = path;
    this.grabber = grabber;
  }

  /**
   * Opens a video at its own size.
   *
   * @throws MalformedFileException if it is missing, or not a video that can be read
   */
  public static VideoReader open(Path path) {
    return open(path, 0, 0);
  }

  /**
   * Opens a video whose frames are scaled to a size.
   *
   * @param width pixels; 0 with a height of 0 for the video's own size
   * @param height pixels
   * @throws MalformedFileException if it is missing, or not a video that can be read
   */
  public static VideoReader open(Path path, int width, int height) {
    if (!Files.isRegularFile(path)) {
      throw new MalformedFileException(
          path + (Files.exists(path) ? ": is not a regular file" : ": no such file"));
    }
    // FFmpeg's own messages would stand between the user and ours.
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    FFmpegLogCallback.set();
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    FFmpegFrameGrabber grabber = new FFmpegFrameGrabber(path.toFile());
    grabber.setOption("format_whitelist", CONTAINERS);
    grabber.setOption("protocol_whitelist", "file");
    if (width > 0) {
      grabber.setImageWidth(width);
      grabber.setImageHeight(height);
    } else {
      // As OpenCV reads a video, where colours are not simply doubled.
      grabber.setImageScalingFlags(swscale.SWS_BICUBIC);
    }
    // Blue first, as OpenCV reads: FFmpeg rounds some colours otherwise where red is first.
    grabber.setPixelFormat(avutil.AV_PIX_FMT_BGR24);
    VideoReader reader = new VideoReader(path, grabber);
    try {
      reader.start();
      return reader;
    } catch (RuntimeException | Error e) {
      reader.close();
      throw e;
    }
  }

  private void start() {
    try {
      grabber.start();
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(
          path
              + ": not a video that FFmpeg can read (not a video, a playlist, or cut off before its"
              + " index)",
          e);
    }
    if (!grabber.hasVideo() || width() < 1 || height() < 1) {
      throw new MalformedFileException(path + ": holds no video stream");
    }
  }

  /** Pixels per row of a frame. */
  public int width() {
    return grabber.getImageWidth();
  }

  /** Rows of a frame. */
  public int height() {
    return grabber.getImageHeight();
  }

  /** Frames per second, as the file says. */
  public double frameRate() {
    return grabber.getVideoFrameRate();
  }

  /** What the file says of its video stream. Frames are read as they are stored, not turned. */
  public StreamInfo info() {
    return StreamInfo.of(grabber.getFormatContext(), grabber.getDisplayRotation());
  }

  /** Bytes of a frame: height · width · 3. */
  public int frameBytes() {
    return Math.multiplyExact(Math.multiplyExact(width(), height()), CHANNELS);
  }

  /** How many frames the file says it has, which a damaged file may not keep. */
  public int promisedFrames() {
    return grabber.getLengthInVideoFrames();
  }

  /** How many frames were read so far. */
  public int framesRead() {
    return frames;
  }

  /**
   * Reads the next frame.
   *
   * @param rgb receives {@code [height, width, 3]}, 0 to 255 as unsigned bytes
   * @return false after the last frame
   * @throws MalformedFileException if the file is damaged, saying after how many frames
   */
  public boolean read(byte[] rgb) {
    Frame frame;
    try {
      frame = grabber.grabImage();
    } catch (FrameGrabber.Exception e) {
      throw new MalformedFileException(
          path + ": is damaged after " + frames + " frames: " + Messages.cut(e.getMessage()), e);
    }
    if (frame == null) {
      return false;
    }
    // Row by row: rows are padded, and JavaCV's own channel count is wrong for narrow videos.
    ByteBuffer image = (ByteBuffer) frame.image[0];
    int row = width() * CHANNELS;
    for (int y = 0; y < height(); y++) {
      image.get(y * frame.imageStride, rgb, y * row, row);
    }
    for (int i = 0; i < rgb.length; i += CHANNELS) {
      byte blue = rgb[i];
      rgb[i] = rgb[i + 2];
      rgb[i + 2] = blue;
    }
    frames++;
    return true;
  }

  @Override
  public void close() {
    try {
      grabber.close();
    } catch (FrameGrabber.Exception e) {
      throw new IllegalStateException(path + ": cannot be closed: " + e.getMessage(), e);
    }
  }
}
