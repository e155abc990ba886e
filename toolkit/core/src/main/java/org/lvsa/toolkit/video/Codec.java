// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameRecorder;
import org.lvsa.toolkit.model.Resolution;

/** How the pictures of an mp4 file are coded. */
public enum Codec {
  /** H.264 with colours at half the width and height, which every player can show. */
  H264 {
    @Override
    void configure(FFmpegFrameRecorder recorder, Resolution size, double framesPerSecond) {
      recorder.setVideoCodecName("libopenh264");
      recorder.setVideoCodec(avcodec.AV_CODEC_ID_H264);
      recorder.setPixelFormat(avutil.AV_PIX_FMT_YUV420P);
      double bits = BITS_PER_PIXEL * size.width() * size.height() * framesPerSecond;
      recorder.setVideoBitrate((int) Math.clamp(bits, 1e5, 2e8));
      recorder.setVideoOption("qmin", "1");
      recorder.setVideoOption("qmax", "16");
      // The encoder leaves frames out to keep its bit rate, unless told not to.
      recorder.setVideoOption("allow_skip_frames", "0");
    }
  },
  /** VP9 with colours at full width and height, which browsers and most players can show. */
  VP9 {
    @Override
    void configure(FFmpegFrameRecorder recorder, Resolution size, double framesPerSecond) {
      recorder.setVideoCodecName("libvpx-vp9");
      recorder.setVideoCodec(avcodec.AV_CODEC_ID_VP9);
      recorder.setPixelFormat(avutil.AV_PIX_FMT_YUV444P);
      // A constant quality instead of a bit rate.
      recorder.setVideoBitrate(0);
      recorder.setVideoOption("crf", "10");
      recorder.setVideoOption("deadline", "good");
      recorder.setVideoOption("cpu-used", "4");
      recorder.setVideoOption("row-mt", "1");
    }
  };

  /** Bits per pixel of a frame at most; what a picture needs less, the encoder saves. */
  private static final double BITS_PER_PIXEL = 16;

  /** What halving the colours may cost, in decibels of the peak signal-to-noise ratio. */
  private static final double LEAST_PSNR = 33;

  /** Sets an FFmpeg encoder to the codec. */
  abstract void configure(FFmpegFrameRecorder recorder, Resolution size, double framesPerSecond);

  /**
   * The codec for a video that begins with a frame: {@link #H264}, except where the colours change
   * so much from pixel to pixel that halving them would leave less than 33 dB. Those of noise do,
   * those of pictures do not.
   *
   * @param size with an even width and height
   * @param rgb {@code [height, width, 3]}
   */
  public static Codec of(Resolution size, byte[] rgb) {
    return psnrWithHalvedColours(size, rgb) >= LEAST_PSNR ? H264 : VP9;
  }

  /**
   * The peak signal-to-noise ratio that is left if each square of two by two pixels keeps its four
   * luminances and has the mean of its colours. The difference of a pixel from its square's mean,
   * less the luminance's share, is what goes lost; weights of luminance as in ITU-R BT.601.
   */
  static double psnrWithHalvedColours(Resolution size, byte[] rgb) {
    double squares = 0;
    int row = size.width() * 3;
    for (int y = 0; y < size.height(); y += 2) {
      for (int x = 0; x < row; x += 6) {
        int[] pixels = {y * row + x, y * row + x + 3, (y + 1) * row + x, (y + 1) * row + x + 3};
        double[] mean = new double[3];
        for (int at : pixels) {
          for (int c = 0; c < 3; c++) {
            mean[c] += (rgb[at + c] & 0xff) / 4.0;
          }
        }
        for (int at : pixels) {
          double red = (rgb[at] & 0xff) - mean[0];
          double green = (rgb[at + 1] & 0xff) - mean[1];
          double blue = (rgb[at + 2] & 0xff) - mean[2];
          double luminance = 0.299 * red + 0.587 * green + 0.114 * blue;
          squares +=
              Math.pow(red - luminance, 2)
                  + Math.pow(green - luminance, 2)
                  + Math.pow(blue - luminance, 2);
        }
      }
    }
    return 10 * Math.log10(255.0 * 255 * rgb.length / squares);
  }
}
