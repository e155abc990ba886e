// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.lvsa.toolkit.cache.CacheState;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.schedulers.History;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.vae.LatentSize;

/**
 * What an interrupted generation needs to go on to the identical result: a safetensors file with
 * the latents after the last saved step, the scheduler's history ({@code scheduler.NAME}), latents
 * of earlier steps that the output will hold ({@code stepN.latents}), what a step cache remembers
 * ({@code cache.NAME}), and in its metadata the settings and their hash.
 */
public final class ResumeFile {
  private static final String SCHEDULER = "scheduler.";
  private static final String LATENTS = "latents";

  /**
   * A run after some of its steps.
   *
   * @param latents the sample after them
   * @param history what the scheduler remembers; it knows how many steps were made
   * @param kept {@code stepN.latents} → latents that the output will hold
   * @param cache what the step cache remembers, where there is one
   */
  public record State(
      float[] latents, History history, Map<String, float[]> kept, Optional<CacheState> cache) {
    /** A run without a step cache. */
    public State(float[] latents, History history, Map<String, float[]> kept) {
      this(latents, history, kept, Optional.empty());
    }

    /** The map is copied, in its order. */
    public State {
      kept = new LinkedHashMap<>(kept);
    }
  }

  private ResumeFile() {}

  /**
   * Replaces the file by one of this state. The old file stays until the new one is whole.
   *
   * @param settings all that decides the result, by name
   */
  public static void write(Path file, Map<String, String> settings, LatentSize shape, State state)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Map<String, FloatTensor> tensors = new LinkedHashMap<>();
      tensors.put(LATENTS, LatentTensors.of(shape, state.latents(), arena));
      state
          .history()
          .tensors()
          .forEach(
              (name, data) -> tensors.put(SCHEDULER + name, LatentTensors.of(shape, data, arena)));
      state.kept().forEach((name, data) -> tensors.put(name, LatentTensors.of(shape, data, arena)));
      Map<String, String> metadata = new LinkedHashMap<>();
      state.cache().ifPresent(cache -> CacheTensors.write(cache, tensors, metadata, arena));
      metadata.put("stepsDone", Integer.toString(state.history().done()));
      metadata.put("settingsHash", hash(settings));
      metadata.put("settings", json(settings));
      Safetensors.write(file, tensors, metadata);
    }
  }

  /**
   * Reads the state to go on from.
   *
   * @param settings of the run that wants to go on
   * @throws MalformedFileException if the file is no resume file
   * @throws IllegalArgumentException if the run had other settings, naming the first that differs
   */
  public static State read(Path file, Map<String, String> settings, LatentSize shape) {
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(
          "nothing to resume: " + file + " does not exist (it is kept under --save-every)");
    }
    try (Arena arena = Arena.ofConfined()) {
      Safetensors tensors = Safetensors.open(file, arena);
      Map<String, String> metadata = tensors.metadata();
      if (!metadata.containsKey("settingsHash")
          || !metadata.getOrDefault("stepsDone", "").matches("\\d{1,9}")) {
        throw new MalformedFileException(file + ": not a resume file of lvsa generate");
      }
      refuseOthers(file, settings, metadata);
      TreeMap<String, float[]> history = new TreeMap<>();
      Map<String, float[]> kept = new LinkedHashMap<>();
      float[] latents = LatentTensors.read(tensors, LATENTS, shape);
      for (String name : tensors.names()) {
        if (name.startsWith(SCHEDULER)) {
          history.put(name.substring(SCHEDULER.length()), LatentTensors.read(tensors, name, shape));
        } else if (!name.equals(LATENTS) && !name.startsWith(CacheTensors.PREFIX)) {
          kept.put(name, LatentTensors.read(tensors, name, shape));
        }
      }
      int done = Integer.parseInt(metadata.get("stepsDone"));
      return new State(
          latents, new History(done, history), kept, CacheTensors.read(tensors, metadata));
    }
  }

  private static void refuseOthers(
      Path file, Map<String, String> settings, Map<String, String> metadata) {
    if (metadata.get("settingsHash").equals(hash(settings))) {
      return;
    }
    JsonNode before = Json.parse(metadata.getOrDefault("settings", "{}"), file + ": settings");
    for (Map.Entry<String, String> setting : settings.entrySet()) {
      String old = before.path(setting.getKey()).asText("(none)");
      if (!old.equals(setting.getValue())) {
        throw new IllegalArgumentException(
            file
                + " is of a run with other settings: "
                + setting.getKey()
                + " was "
                + Messages.cut(old)
                + ", now it is "
                + Messages.cut(setting.getValue()));
      }
    }
    throw new IllegalArgumentException(file + " is of a run with other settings");
  }

  private static String json(Map<String, String> settings) {
    var object = Json.object();
    new TreeMap<>(settings).forEach(object::put);
    return object.toString();
  }

  /** SHA-256 of the settings, sorted by name, as JSON. */
  static String hash(Map<String, String> settings) {
    return Fingerprint.of(json(settings));
  }
}
