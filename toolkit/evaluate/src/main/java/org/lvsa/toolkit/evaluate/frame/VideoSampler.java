// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.video.StreamInfo;
import org.lvsa.toolkit.video.VideoReader;

/** Reads the frames of a video that are judged, in one pass from the first to the last one. */
public final class VideoSampler {
  private static final double SHORTEST = 0.1;

  private VideoSampler() {}

  /**
   * Reads a video.
   *
   * <p>Frames are turned upright where the file asks for it. A file that ends early or is damaged
   * gives the frames up to there, and a note.
   *
   * @param everyFrame if there, is shown each frame of the video, judged or not, in order
   * @throws MalformedFileException if the file is missing, is no video, is shorter than 0.1 seconds
   *     or has no frame that can be read
   */
  public static SampledVideo read(
      Path path, Sampling sampling, Optional<Consumer<RgbFrame>> everyFrame) {
    try (VideoReader reader = VideoReader.open(path)) {
      StreamInfo info = reader.info();
      if (info.duration() < SHORTEST) {
        throw new MalformedFileException(
            path
                + ": too short: "
                + String.format(Locale.ROOT, "%.3f", info.duration())
                + " s, at least 0.1 s is needed");
      }
      int total = Math.toIntExact(Math.min(info.frames(), Integer.MAX_VALUE));
      List<Integer> indices = sampling.indices(info.frameRate(), total);
      Memory.requireHeap(
          path + ": judging " + indices.size() + " frames",
          (long) indices.size() * reader.frameBytes());
      Frames frames = new Frames(reader, info.quarterTurns());
      List<RgbFrame> judged = frames.read(indices, everyFrame, total);
      if (judged.isEmpty()) {
        throw new MalformedFileException(path + ": no frame of it can be read");
      }
      return new SampledVideo(
          path,
          judged.getFirst().size(),
          info.frameRate(),
          info.frames(),
          info.duration(),
          info.codec(),
          indices,
          judged,
          note(info, frames, indices, judged));
    }
  }

  private static Optional<String> note(
      StreamInfo info, Frames frames, List<Integer> indices, List<RgbFrame> judged) {
    List<String> notes = new ArrayList<>();
    if (judged.size() < indices.size()) {
      notes.add(
          "ends after "
              + frames.read
              + " of "
              + info.frames()
              + " frames"
              + frames.damage.map(reason -> " (" + reason + ")").orElse(""));
    }
    if (info.hasVariableRate()) {
      notes.add(
          String.format(
              Locale.ROOT,
              "its frame rate varies: %.4g frames per second on average, %.4g at the finest; frames"
                  + " are counted, not timed",
              info.frameRate(),
              info.finestRate()));
    }
    if (info.quarterTurns() > 0) {
      notes.add("turned by " + 90 * info.quarterTurns() + " degrees, as the file asks");
    }
    return notes.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", notes));
  }

  /** The frames of an open file. */
  private static final class Frames {
    private final VideoReader reader;
    private final int quarterTurns;
    private int read;
    private Optional<String> damage = Optional.empty();

    Frames(VideoReader reader, int quarterTurns) {
      this.reader = reader;
      this.quarterTurns = quarterTurns;
    }

    List<RgbFrame> read(List<Integer> indices, Optional<Consumer<RgbFrame>> everyFrame, int total) {
      Resolution stored = new Resolution(reader.width(), reader.height());
      List<RgbFrame> judged = new ArrayList<>();
      while (judged.size() < indices.size() || everyFrame.isPresent() && read < total) {
        byte[] rgb = new byte[reader.frameBytes()];
        if (!readNext(rgb)) {
          break;
        }
        RgbFrame frame = new RgbFrame(stored, rgb).turned(quarterTurns);
        everyFrame.ifPresent(all -> all.accept(frame));
        if (judged.size() < indices.size() && indices.get(judged.size()) == read) {
          judged.add(frame);
        }
        read++;
      }
      return judged;
    }

    private boolean readNext(byte[] rgb) {
      try {
        return reader.read(rgb);
      } catch (MalformedFileException e) {
        damage = Optional.of("it is damaged there");
        return false;
      }
    }
  }
}
