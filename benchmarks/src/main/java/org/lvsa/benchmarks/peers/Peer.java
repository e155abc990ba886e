// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;

/** A contestant's process: it has said what it is, and now measures when it is asked to. */
final class Peer implements AutoCloseable {
  private final String name;
  private final Process process;
  private final Writer to;
  private final BufferedReader from;
  private final JsonNode hello;

  /**
   * Starts a contestant and waits until it has warmed up.
   *
   * @param name what messages call it
   * @param environment variables beside those of this process
   * @param first the line that it gets first; empty for none
   * @throws IOException if it cannot be started, or ends instead of saying what it is
   */
  Peer(String name, List<String> command, Map<String, String> environment, String first)
      throws IOException {
    this.name = name;
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().putAll(environment);
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new IOException("cannot start " + command.getFirst() + ": " + Messages.reason(e), e);
    }
    to = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    from =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    try {
      if (!first.isEmpty()) {
        say(first);
      }
      hello = Json.parse(hear(), name);
    } catch (IOException | RuntimeException e) {
      process.destroyForcibly();
      throw e;
    }
  }

  /** What the contestant said it is. */
  JsonNode hello() {
    return hello;
  }

  /**
   * Lets it measure once.
   *
   * @param what {@code dense} or {@code sparse}
   */
  PeerTime measure(String what) throws IOException {
    say(what);
    return PeerTime.parse(hear());
  }

  private void say(String line) throws IOException {
    to.write(line + "\n");
    to.flush();
  }

  private String hear() throws IOException {
    String line = from.readLine();
    if (line == null) {
      throw new IOException("the contestant " + name + " ended without an answer");
    }
    return line;
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
