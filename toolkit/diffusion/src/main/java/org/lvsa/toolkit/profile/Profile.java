// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import jdk.jfr.Event;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.OutputFile;

/**
 * A recording of this process, from {@link #start} to {@link #stop}. It gives {@code
 * trace_rankN.json}, a Chrome trace, and {@code profile_rankN.jfr} for JDK Mission Control.
 */
public final class Profile implements AutoCloseable {
  private static final List<Class<? extends Event>> EVENTS =
      List.of(
          PhaseEvent.class,
          StepEvent.class,
          BlockEvent.class,
          KernelEvent.class,
          ForwardEvent.class,
          TransferEvent.class);

  private final Path folder;
  private final int rank;
  private final Recording recording;
  private final long begun = System.nanoTime();
  private boolean stopped;
  private List<String> work = List.of();

  private Profile(Path folder, int rank) {
    this.folder = folder;
    this.rank = rank;
    recording = new Recording();
    recording.setName("lvsa");
    for (Class<? extends Event> event : EVENTS) {
      recording.enable(event).withoutThreshold().withoutStackTrace();
    }
  }

  /**
   * Starts to record.
   *
   * @param folder takes the files at the end; it is made if it is missing
   * @param rank of this process
   * @throws IllegalArgumentException if the folder cannot be made
   */
  public static Profile start(Path folder, int rank) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "cannot make the folder " + folder + ": " + Messages.reason(e), e);
    }
    Profile profile = new Profile(folder, rank);
    profile.recording.start();
    return profile;
  }

  /** Whether anything records blocks now. */
  public static boolean recordsBlocks() {
    return new BlockEvent().isEnabled();
  }

  /**
   * Stops to record and writes the files.
   *
   * @return the Chrome trace
   */
  public Path stop() throws IOException {
    stopped = true;
    recording.stop();
    Duration whole = Duration.ofNanos(System.nanoTime() - begun);
    Path events = folder.resolve("profile_rank" + rank + ".jfr");
    Path trace = folder.resolve("trace_rank" + rank + ".json");
    try (recording) {
      OutputFile.writePath(events, recording::dump);
      List<RecordedEvent> recorded = RecordingFile.readAllEvents(events);
      OutputFile.write(trace, out -> ChromeTrace.write(recorded, rank, out));
      work = WorkTable.of(recorded, whole);
    }
    return trace;
  }

  /**
   * A table of what each step, the text encoder and the VAE spent their time on, line by line,
   * after {@link #stop}; empty where no transformer was on a device.
   */
  public List<String> work() {
    return work;
  }

  /** Stops, if that did not happen yet. */
  @Override
  public void close() {
    if (!stopped) {
      try {
        stop();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
