// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/**
 * What a sweep measures. Lists cross. Kept in {@code settings.json}, so that a sweep resumes only
 * with the settings that it was started with.
 *
 * @param models names of models
 * @param resolutions {@code WIDTHxHEIGHT}; empty where {@code patchesPerFrame} takes their place
 * @param frames video frames; empty where {@code latentFrames} takes their place
 * @param latentFrames latent frames, in place of {@code frames}
 * @param patchesPerFrame patches, in place of {@code resolutions}
 * @param sparsityScales sparsity scales
 * @param backends names of backends, resolved: never {@code auto}
 * @param heads heads to measure; 0 for all that the model has
 * @param batch sequences at once
 * @param dtype {@code F32}, {@code F16} or {@code BF16}
 * @param window window in latent frames; −1 for the model's
 * @param firstFrames first frames in latent frames; −1 for the model's
 * @param input {@code random}, {@code moving} or a video file
 * @param seed seed of the inputs
 * @param reps timed runs, of which the median counts
 */
public record SweepSettings(
    List<String> models,
    List<String> resolutions,
    List<Integer> frames,
    List<Integer> latentFrames,
    List<Integer> patchesPerFrame,
    List<Double> sparsityScales,
    List<String> backends,
    int heads,
    int batch,
    String dtype,
    int window,
    int firstFrames,
    String input,
    long seed,
    int reps) {

  /** Lists are copied. */
  public SweepSettings {
    models = List.copyOf(models);
    resolutions = List.copyOf(resolutions);
    frames = List.copyOf(frames);
    latentFrames = List.copyOf(latentFrames);
    patchesPerFrame = List.copyOf(patchesPerFrame);
    sparsityScales = List.copyOf(sparsityScales);
    backends = List.copyOf(backends);
  }

  /** Names of the settings in which two differ, with both values. */
  static List<String> differences(SweepSettings wanted, SweepSettings found) {
    ObjectMapper json = new ObjectMapper();
    ObjectNode a = json.valueToTree(wanted);
    ObjectNode b = json.valueToTree(found);
    List<String> differences = new ArrayList<>();
    a.properties()
        .forEach(
            entry -> {
              JsonNode other = b.get(entry.getKey());
              if (!entry.getValue().equals(other)) {
                differences.add(
                    entry.getKey() + " " + other + " there, " + entry.getValue() + " now");
              }
            });
    return differences;
  }
}
