// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.jobs.JobRunner;
import org.lvsa.toolkit.serving.Bounds;
import org.lvsa.toolkit.serving.ServerSettings;
import picocli.CommandLine.Option;

/** The options that say where a server listens, to whom, and how long things may take. */
final class ServerOptions {
  @Option(
      names = "--host",
      defaultValue = "127.0.0.1",
      description = "address to listen at (default: ${DEFAULT-VALUE}, this machine alone)")
  private String host;

  @Option(
      names = "--port",
      defaultValue = "8098",
      description = "port; 0 for one that is free (default: ${DEFAULT-VALUE})")
  private int port;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description =
          "that requests must have; others on this machine can read it here, so better in a file")
  private String apiKey;

  @Option(
      names = "--api-key-file",
      paramLabel = "FILE",
      description = "a file with the API key on its first line")
  private Path apiKeyFile;

  @Option(
      names = "--cors-origin",
      paramLabel = "ORIGIN",
      description =
          "a site whose pages may ask, such as https://example.org; * for all; may be given more"
              + " than once (default: none)")
  private List<String> origins = new ArrayList<>();

  @Option(
      names = "--queue",
      paramLabel = "N",
      defaultValue = "16",
      description = "jobs that may wait (default: ${DEFAULT-VALUE})")
  private int queue;

  @Option(
      names = "--job-timeout",
      paramLabel = "SECONDS",
      defaultValue = "0",
      description =
          "longest time of one job; 0 for as long as it takes (default: ${DEFAULT-VALUE})")
  private long jobTimeout;

  @Option(
      names = "--sync-timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      description = "longest wait of a synchronous request (default: ${DEFAULT-VALUE})")
  private long syncTimeout;

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description =
          "time that the running job has to end after SIGTERM; then it is cancelled (default:"
              + " ${DEFAULT-VALUE})")
  private long grace;

  @Option(
      names = "--default-sampling-params",
      paramLabel = "JSON",
      defaultValue = "{}",
      description =
          "fields of requests that do not have them: '{\"num_inference_steps\": 30, \"fps\": 24}'")
  private String defaults;

  @Option(
      names = "--profile",
      paramLabel = "DIR",
      description = "allow POST /start_profile and /stop_profile, which write Chrome traces here")
  private Path profile;

  /**
   * How the server runs.
   *
   * @throws IllegalArgumentException naming the option that is wrong
   */
  ServerSettings settings(StorageOptions storage, Bounds bounds) {
    ServerSettings.Times times = ServerSettings.Times.DEFAULT;
    return new ServerSettings(
        new ServerSettings.Address(host, port, key(), Set.copyOf(origins)),
        bounds,
        new ServerSettings.Times(
            seconds("--sync-timeout", syncTimeout, 1),
            times.headers(),
            times.idle(),
            seconds("--grace", grace, 0)),
        new JobRunner.Limits(queue, seconds("--job-timeout", jobTimeout, 0)),
        storage.settings(),
        Json.parse(defaults, "--default-sampling-params"),
        Optional.ofNullable(profile),
        Lvsa.VERSION);
  }

  static Duration seconds(String option, long value, long least) {
    if (value < least || value > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          option
              + " must be from "
              + least
              + " to "
              + Integer.MAX_VALUE
              + " seconds, got "
              + value);
    }
    return Duration.ofSeconds(value);
  }

  private Optional<String> key() {
    if (apiKey != null && apiKeyFile != null) {
      throw new IllegalArgumentException("give --api-key or --api-key-file, not both");
    }
    if (apiKeyFile != null) {
      String key = Json.text(apiKeyFile).lines().findFirst().orElse("").strip();
      if (key.isEmpty()) {
        throw new MalformedFileException(apiKeyFile + ": no API key on the first line");
      }
      return Optional.of(key);
    }
    return Optional.ofNullable(apiKey);
  }
}
