// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.evaluate.Rules;
import org.lvsa.toolkit.evaluate.VideoList;
import org.lvsa.toolkit.io.MalformedFileException;
import picocli.CommandLine.Option;

/** How {@code evaluate} reads CSV files that name videos, and what else it takes for a video. */
final class EvaluateLists {
  @Option(
      names = "--video-col",
      paramLabel = "NAME",
      defaultValue = "video_path",
      description = "a CSV file's column of the videos' paths (default: ${DEFAULT-VALUE})")
  private String videoColumn;

  @Option(
      names = "--prompt-col",
      paramLabel = "NAME",
      description = "its column of prompts; an empty one means --prompt")
  private String promptColumn;

  @Option(
      names = "--status-col",
      paramLabel = "NAME",
      defaultValue = "status",
      description =
          "its column, if it has that, by which rows are chosen (default: ${DEFAULT-VALUE})")
  private String statusColumn;

  @Option(
      names = "--status-ok",
      paramLabel = "TEXT",
      defaultValue = "ok",
      description = "the status of rows that count (default: ${DEFAULT-VALUE})")
  private String statusOk;

  /** The videos that an argument stands for. */
  VideoList of(Path input, Optional<String> shared, Rules rules) throws IOException {
    boolean csv = input.toString().toLowerCase(Locale.ROOT).endsWith(".csv");
    if (Files.isDirectory(input)) {
      return VideoList.folder(input, shared);
    }
    if (csv) {
      return VideoList.csv(
          input,
          new VideoList.Columns(
              videoColumn, Optional.ofNullable(promptColumn), statusColumn, statusOk),
          shared,
          rules);
    }
    if (rules == Rules.UPSTREAM && Files.exists(input) && !VideoList.isVideo(input)) {
      throw new MalformedFileException(
          input + ": the published tool takes .mp4, .mov, .webm, .avi and .mkv only");
    }
    return new VideoList(List.of(new VideoList.Entry(input, shared, Map.of())), List.of());
  }
}
