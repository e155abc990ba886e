// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.ParseException;
import java.util.Optional;
import jdk.jfr.Configuration;
import jdk.jfr.Recording;
import org.jspecify.annotations.Nullable;

/** Records what the process does, with the JDK's Flight Recorder, while an operator asks for it. */
final class Profiler {
  private final Optional<Path> directory;
  private @Nullable Recording recording;

  /**
   * @param directory where profiles go; empty where the operator asked for none
   */
  Profiler(Optional<Path> directory) {
    this.directory = directory;
  }

  private Path directory() {
    return directory.orElseThrow(
        () ->
            new ApiException(
                Fault.NOT_FOUND,
                "the profiler is not configured: start the server with --profile DIR"));
  }

  /**
   * Begins.
   *
   * @return where the profile will be
   */
  synchronized Path start() {
    Path target = directory();
    if (recording != null) {
      throw new ApiException(Fault.PROFILER_STATE, "the profiler runs already");
    }
    try {
      Files.createDirectories(target);
      Recording begun = new Recording(Configuration.getConfiguration("profile"));
      Path file = target.resolve("profile-" + System.currentTimeMillis() + ".jfr");
      begun.setToDisk(true);
      begun.setDestination(file);
      begun.start();
      recording = begun;
      return file;
    } catch (IOException | ParseException | RuntimeException e) {
      throw new ApiException(Fault.INTERNAL, "Failed to start profiler: " + e.getMessage());
    }
  }

  /**
   * Ends.
   *
   * @return where the profile is
   */
  synchronized Path stop() {
    directory();
    if (recording == null) {
      throw new ApiException(Fault.PROFILER_STATE, "the profiler does not run");
    }
    try (Recording ended = recording) {
      recording = null;
      ended.stop();
      return ended.getDestination();
    }
  }

  /** Keeps what a running recording has. */
  synchronized void close() {
    if (recording != null) {
      recording.close();
    }
  }
}
