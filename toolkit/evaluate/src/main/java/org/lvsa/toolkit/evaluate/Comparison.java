// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.video.FrameMetrics;
import org.lvsa.toolkit.video.VideoReader;

/**
 * How far a video is from another one, frame by frame, such as LVSA's from the one that dense
 * attention makes of the same noise.
 *
 * @param reference the other video
 * @param frames what was measured of each frame that both have
 * @param note what does not fit, such as another length
 */
public record Comparison(Path reference, List<Frame> frames, Optional<String> note) {
  /** Frames that are compared at a time, on all cores. */
  private static final int LOT = 16;

  /** Lists are copied. */
  public Comparison {
    frames = List.copyOf(frames);
  }

  /**
   * How near a frame is to the reference's.
   *
   * @param psnr peak signal-to-noise ratio in decibels, infinite for equal frames
   * @param ssim structural similarity, 1 for equal frames; NaN for frames of less than 11 pixels
   * @param msSsim structural similarity over five scales; NaN for frames of less than 176 pixels
   */
  public record Frame(double psnr, double ssim, double msSsim) {
    /** Compares two frames of a size. */
    public static Frame of(Resolution size, byte[] reference, byte[] frame) {
      int shortest = Math.min(size.width(), size.height());
      return new Frame(
          FrameMetrics.psnr(reference, frame),
          shortest >= FrameMetrics.SMALLEST_SSIM
              ? FrameMetrics.ssim(size, reference, frame)
              : Double.NaN,
          shortest >= FrameMetrics.SMALLEST_MS_SSIM
              ? FrameMetrics.msSsim(size, reference, frame)
              : Double.NaN);
    }
  }

  /**
   * How the similarity changes along the video.
   *
   * @param first mean of the first quarter
   * @param last mean of the last quarter
   * @param slope of the straight line through all frames, from the first to the last one
   */
  public record Drift(double first, double last, double slope) {}

  /**
   * Compares two files.
   *
   * @throws MalformedFileException if one of them cannot be read, or their frames have other sizes
   */
  public static Comparison of(Path video, Path reference) {
    try (VideoReader ours = VideoReader.open(video);
        VideoReader theirs = VideoReader.open(reference)) {
      Resolution size = new Resolution(ours.width(), ours.height());
      Resolution other = new Resolution(theirs.width(), theirs.height());
      if (!size.equals(other)) {
        throw new MalformedFileException(
            reference + ": its frames are " + other + ", those of " + video + " are " + size);
      }
      List<Frame> frames = new ArrayList<>();
      List<byte[]> mine = new ArrayList<>();
      List<byte[]> others = new ArrayList<>();
      boolean more = true;
      boolean mineEnded = false;
      while (more) {
        byte[] a = new byte[ours.frameBytes()];
        byte[] b = new byte[theirs.frameBytes()];
        boolean hasMine = read(ours, a);
        boolean hasOther = read(theirs, b);
        more = hasMine && hasOther;
        mineEnded = !hasMine && hasOther;
        if (more) {
          mine.add(a);
          others.add(b);
        }
        if (!more || mine.size() == LOT) {
          frames.addAll(
              IntStream.range(0, mine.size())
                  .parallel()
                  .mapToObj(i -> Frame.of(size, others.get(i), mine.get(i)))
                  .toList());
          mine.clear();
          others.clear();
        }
        if (!more && hasMine != hasOther) {
          return new Comparison(
              reference,
              frames,
              Optional.of(
                  (mineEnded ? video : reference)
                      + " ends after "
                      + frames.size()
                      + " frames, the other goes on"));
        }
      }
      if (frames.isEmpty()) {
        throw new MalformedFileException(video + ": no frame of it can be read");
      }
      return new Comparison(reference, frames, Optional.empty());
    }
  }

  /** A damaged file ends where the damage is. */
  private static boolean read(VideoReader reader, byte[] rgb) {
    try {
      return reader.read(rgb);
    } catch (MalformedFileException e) {
      return false;
    }
  }

  /** The mean over all frames for which there is a finite value; NaN if there is none. */
  public double mean(ToDoubleFunction<Frame> measure) {
    return mean(measure, 0, frames.size());
  }

  /** How a measure changes along the video; NaN where there is no value. */
  public Drift drift(ToDoubleFunction<Frame> measure) {
    int quarter = Math.max(1, frames.size() / 4);
    double[] values = frames.stream().mapToDouble(measure).filter(Double::isFinite).toArray();
    return new Drift(
        mean(measure, 0, quarter),
        mean(measure, frames.size() - quarter, frames.size()),
        values.length < 3 ? Double.NaN : TextAlignment.Drift.of(values, Rules.MENDED).slope());
  }

  private double mean(ToDoubleFunction<Frame> measure, int from, int to) {
    return frames.subList(from, to).stream()
        .mapToDouble(measure)
        .filter(Double::isFinite)
        .average()
        .orElse(Double.NaN);
  }
}
