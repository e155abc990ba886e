// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.jobs.JobRunner;
import org.lvsa.toolkit.jobs.Jobs;

/**
 * How a server runs.
 *
 * @param address where it listens, and to whom
 * @param bounds of requests
 * @param times how long things may take
 * @param queue bounds of the queue
 * @param jobs how jobs are kept
 * @param defaults fields of requests that do not say otherwise, as a JSON object
 * @param profiles where profiles go; empty for no profiler
 * @param version of the toolkit
 */
public record ServerSettings(
    Address address,
    Bounds bounds,
    Times times,
    JobRunner.Limits queue,
    Jobs.Settings jobs,
    JsonNode defaults,
    Optional<Path> profiles,
    String version) {

  /**
   * Where a server listens, and to whom.
   *
   * @param host a name or an address of this machine
   * @param port 0 for one that is free
   * @param apiKey that requests must have; empty for none
   * @param origins of pages of other sites that may ask; {@code *} for all
   */
  public record Address(String host, int port, Optional<String> apiKey, Set<String> origins) {
    /** This machine alone, without a key. */
    public static Address local(int port) {
      return new Address("127.0.0.1", port, Optional.empty(), Set.of());
    }

    /** The port is one. */
    public Address {
      if (port < 0 || port > 65_535) {
        throw new IllegalArgumentException("the port must be from 0 to 65535, got " + port);
      }
      origins = Set.copyOf(origins);
    }
  }

  /**
   * How long things may take.
   *
   * @param sync a synchronous request
   * @param headers of a request, until they are whole
   * @param idle a connection on which nothing moves
   * @param grace the running job, once the server stops
   */
  public record Times(Duration sync, Duration headers, Duration idle, Duration grace) {
    /** What a server takes that is told nothing else. */
    public static final Times DEFAULT =
        new Times(
            Duration.ofSeconds(600),
            Duration.ofSeconds(20),
            Duration.ofSeconds(60),
            Duration.ofSeconds(30));
  }

  /** A server for this machine alone, with its files in a folder. */
  public static ServerSettings local(Path folder, int port) {
    return new ServerSettings(
        Address.local(port),
        Bounds.DEFAULT,
        Times.DEFAULT,
        new JobRunner.Limits(16, Duration.ZERO),
        new Jobs.Settings(folder, Duration.ofDays(7), 0, false),
        Json.object(),
        Optional.empty(),
        "0.1.0");
  }
}
