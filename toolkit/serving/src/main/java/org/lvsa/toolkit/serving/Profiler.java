// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.profile.Profile;

/** Records what generations spend their time on, while an operator asks for it. */
final class Profiler {
  private final Optional<Path> directory;
  private @Nullable Profile profile;

  /**
   * @param directory in which each profile has a folder of its own; empty for no profiler
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
   * @return name of the profile's folder
   */
  synchronized String start() {
    Path parent = directory();
    if (profile != null) {
      throw new ApiException(Fault.PROFILER_STATE, "the profiler runs already");
    }
    String name = "profile-" + System.currentTimeMillis();
    try {
      profile = Profile.start(parent.resolve(name), 0);
      return name;
    } catch (RuntimeException e) {
      throw new ApiException(
          Fault.INTERNAL, "Failed to start profiler: " + Messages.cut(e.getMessage()));
    }
  }

  /**
   * Ends, and writes the files.
   *
   * @return name of the Chrome trace in the profile's folder
   */
  synchronized String stop() {
    directory();
    if (profile == null) {
      throw new ApiException(Fault.PROFILER_STATE, "the profiler does not run");
    }
    try (Profile ended = profile) {
      profile = null;
      return ended.stop().getFileName().toString();
    } catch (IOException e) {
      throw new ApiException(Fault.INTERNAL, "Failed to stop profiler: " + Messages.reason(e));
    }
  }

  /** Ends a profile that still runs. */
  synchronized void close() {
    if (profile != null) {
      profile.close();
    }
  }
}
