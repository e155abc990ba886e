// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import java.nio.charset.StandardCharsets;
import org.bytedeco.ffmpeg.avformat.AVCodecTag;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacpp.PointerPointer;

/**
 * What a file says of its video stream, by the same rules as OpenCV's {@code VideoCapture}, which
 * the published quality tool asks.
 *
 * @param frameRate frames per second, on average; 0 if unknown
 * @param finestRate frames per second by the times that the stream can tell apart; differs from
 *     {@code frameRate} where the rate varies; 0 if unknown
 * @param frames how many frames there should be, which a damaged file may not keep
 * @param codec four characters: the codec's name where it has four, else the tag by which avi
 *     files, or else mov files, know the codec
 * @param quarterTurns how often the frames are to be turned clockwise by 90 degrees to be upright,
 *     0 to 3
 */
public record StreamInfo(
    double frameRate, double finestRate, long frames, String codec, int quarterTurns) {

  /** Two rates that are this share apart are not the same rate. */
  private static final double SAME_RATE = 0.01;

  /** Seconds from the first to after the last frame; 0 if the rate is unknown. */
  public double duration() {
    return frameRate > 0 ? frames / frameRate : 0;
  }

  /** Whether frames follow each other at varying distances. */
  public boolean hasVariableRate() {
    return finestRate > 0 && frameRate > 0 && Math.abs(finestRate / frameRate - 1) > SAME_RATE;
  }

  /**
   * Asks an open file.
   *
   * @param degrees by which the display matrix turns the frames counterclockwise
   */
  static StreamInfo of(AVFormatContext file, double degrees) {
    AVStream stream = null;
    for (int i = 0; stream == null && i < file.nb_streams(); i++) {
      if (file.streams(i).codecpar().codec_type() == avutil.AVMEDIA_TYPE_VIDEO) {
        stream = file.streams(i);
      }
    }
    if (stream == null) {
      throw new IllegalStateException("the file has no video stream");
    }
    double finest = value(avformat.av_guess_frame_rate(file, stream, null));
    double rate = value(stream.avg_frame_rate());
    if (rate <= 0) {
      rate = Math.max(0, finest);
    }
    long frames = stream.nb_frames();
    if (frames == 0) {
      double seconds = (double) file.duration() / avutil.AV_TIME_BASE;
      if (!(seconds > 0)) {
        seconds = stream.duration() * value(stream.time_base());
      }
      frames = (long) Math.floor(Math.max(seconds, 0) * rate + 0.5);
    }
    int turns = Math.floorMod((int) Math.round(-degrees / 90), 4);
    return new StreamInfo(rate, finest, frames, codec(stream), turns);
  }

  private static double value(AVRational rational) {
    return rational.den() == 0 ? 0 : (double) rational.num() / rational.den();
  }

  private static String codec(AVStream stream) {
    int id = stream.codecpar().codec_id();
    String name = avcodec.avcodec_get_name(id).getString();
    if (name.length() == 4) {
      return name;
    }
    int tag = tag(avformat.avformat_get_riff_video_tags(), id);
    if (tag == 0) {
      tag = tag(avformat.avformat_get_mov_video_tags(), id);
    }
    byte[] characters = {(byte) tag, (byte) (tag >> 8), (byte) (tag >> 16), (byte) (tag >> 24)};
    return new String(characters, StandardCharsets.ISO_8859_1);
  }

  private static int tag(AVCodecTag table, int id) {
    try (PointerPointer<AVCodecTag> tables = new PointerPointer<>(2)) {
      tables.put(0, table);
      tables.put(1, new AVCodecTag());
      return avformat.av_codec_get_tag(tables, id);
    }
  }
}
