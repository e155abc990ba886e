// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.javacv.FFmpegFrameRecorder;
import org.bytedeco.javacv.FFmpegLogCallback;
import org.bytedeco.javacv.Frame;
import org.bytedeco.javacv.FrameRecorder;
import org.lvsa.toolkit.model.Resolution;

/** One mp4 file while it is written by FFmpeg. */
final class Mp4 implements VideoWriter.Frames, AutoCloseable {
  private final Path file;
  private final Resolution size;
  private final double framesPerSecond;
  private final Frame frame;

  /** Null before the first frame. */
  private FFmpegFrameRecorder recorder;

  private Codec codec;

  Mp4(Path file, Resolution size, double framesPerSecond) {
    this.file = file;
    this.size = size;
    this.framesPerSecond = framesPerSecond;
    this.frame = new Frame(size.width(), size.height(), Frame.DEPTH_UBYTE, 3);
  }

  @Override
  public void write(byte[] rgb) throws IOException {
    VideoWriter.checkFrame(size, rgb);
    try {
      if (recorder == null) {
        start(Codec.of(size, rgb));
      }
      ByteBuffer image = (ByteBuffer) frame.image[0];
      for (int y = 0; y < size.height(); y++) {
        image.put(y * frame.imageStride, rgb, y * size.width() * 3, size.width() * 3);
      }
      recorder.record(frame, avutil.AV_PIX_FMT_RGB24);
    } catch (FrameRecorder.Exception e) {
      throw failed(e);
    }
  }

  private void start(Codec chosen) throws FrameRecorder.Exception {
    // FFmpeg's own messages would stand between the user and ours.
    FFmpegLogCallback.set();
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    codec = chosen;
    recorder = new FFmpegFrameRecorder(file.toFile(), size.width(), size.height());
    recorder.setFormat("mp4");
    recorder.setFrameRate(framesPerSecond);
    recorder.setGopSize((int) Math.ceil(framesPerSecond));
    recorder.setImageScalingFlags(
        swscale.SWS_BICUBIC | swscale.SWS_ACCURATE_RND | swscale.SWS_FULL_CHR_H_INT);
    codec.configure(recorder, size, framesPerSecond);
    recorder.start();
  }

  /** Writes what the encoder still holds, and the file's index. */
  Codec finish() throws IOException {
    if (recorder == null) {
      throw new IllegalArgumentException("a video needs at least one frame");
    }
    try {
      recorder.stop();
    } catch (FrameRecorder.Exception e) {
      throw failed(e);
    }
    return codec;
  }

  private static IOException failed(FrameRecorder.Exception e) {
    return new IOException("FFmpeg: " + e.getMessage(), e);
  }

  @Override
  public void close() throws IOException {
    frame.close();
    if (recorder != null) {
      try {
        recorder.release();
      } catch (FrameRecorder.Exception e) {
        throw failed(e);
      }
    }
  }
}
