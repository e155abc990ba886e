// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.jobs.Jobs;
import picocli.CommandLine.Option;

/** The options that say where a server's jobs are kept, how many and how long. */
final class StorageOptions {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,12})([KMGT]?)");
  private static final String UNITS = "KMGT";

  @Option(
      names = "--data",
      paramLabel = "DIR",
      defaultValue = "lvsa-videos",
      description = "folder of the videos and of the jobs' database (default: ${DEFAULT-VALUE})")
  private Path data;

  @Option(
      names = "--quota",
      paramLabel = "SIZE",
      defaultValue = "0",
      description =
          "bytes that all videos may have, such as 20G; 0 for as many as the disk has (default:"
              + " ${DEFAULT-VALUE})")
  private String quota;

  @Option(
      names = "--expires-after",
      paramLabel = "SECONDS",
      defaultValue = "604800",
      description =
          "a job that ended is removed with its video after that; 0 for never (default:"
              + " ${DEFAULT-VALUE}, a week)")
  private long expiry;

  @Option(
      names = "--restart-running",
      description = "make a video again whose making an earlier server's end cut off")
  private boolean restartRunning;

  /**
   * How jobs are kept.
   *
   * @throws IllegalArgumentException naming the option that is wrong
   */
  Jobs.Settings settings() {
    return new Jobs.Settings(
        data, ServerOptions.seconds("--expires-after", expiry, 0), bytes(), restartRunning);
  }

  private long bytes() {
    Matcher size = SIZE.matcher(quota.strip().toUpperCase(Locale.ROOT));
    if (!size.matches()) {
      throw new IllegalArgumentException(
          "--quota must be a number of bytes, or of K, M, G or T as in 20G, got "
              + Messages.cut(quota));
    }
    String unit = size.group(2);
    int shift = unit.isEmpty() ? 0 : 10 * (UNITS.indexOf(unit) + 1);
    long number = Long.parseLong(size.group(1));
    if (number > Long.MAX_VALUE >> shift) {
      throw new IllegalArgumentException("--quota is larger than any disk, got " + quota);
    }
    return number << shift;
  }
}
