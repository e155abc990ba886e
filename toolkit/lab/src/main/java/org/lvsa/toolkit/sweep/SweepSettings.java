// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;
import org.lvsa.toolkit.blockpattern.DensitySolver;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.blockpattern.TokenGrid;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;

/**
 * The settings of a sweep. Each value of a list is combined with each value of the other lists.
 * They are kept in {@code settings.json}, so that a sweep is resumed only with the settings that it
 * was started with.
 *
 * <p>Start from {@link #defaults} or from {@link #quick} and change what should differ: {@code
 * SweepSettings.quick().frames(List.of(81)).build()}.
 *
 * @param models names of models
 * @param resolutions {@code WIDTHxHEIGHT}; empty where {@code patchesPerFrame} takes their place
 * @param frames video frames; empty where {@code latentFrames} takes their place
 * @param latentFrames latent frames, in place of {@code frames}
 * @param patchesPerFrame patches per frame, in place of {@code resolutions}
 * @param grids {@code HEIGHTxWIDTH} in patches, in place of {@code resolutions}
 * @param sparsityScales sparsity scales of LVSA; may be empty where there are patterns
 * @param patterns patterns by name, {@code radial:block=64}
 * @param densities densities of tokens for which the patterns' parameters are solved; empty where
 *     the patterns have their own
 * @param backends names of backends, never {@code auto}
 * @param device id of the device to run on; empty for each backend's own choice
 * @param kernel name of the kernel to run; empty for each backend's own choice
 * @param precision of the scores, for the backends that have it
 * @param heads heads to measure; 0 for all that the model has
 * @param batch independent sequences
 * @param dtype {@code F32}, {@code F16} or {@code BF16}
 * @param window window in latent frames; −1 for the model's
 * @param firstFrames first frames in latent frames; −1 for the model's
 * @param input {@code random}, {@code moving} or a video file
 * @param seed seed of the inputs
 * @param reps most runs of one measurement in one round; their median counts
 * @param maxSeconds longest time for the rounds of one cell, beyond the least number of rounds
 * @param round whether frames and sides that a model does not take are rounded to the nearest ones
 */
@JsonDeserialize(builder = SweepSettingsBuilder.class)
public record SweepSettings(
    List<String> models,
    List<String> resolutions,
    List<Integer> frames,
    List<Integer> latentFrames,
    List<Integer> patchesPerFrame,
    List<String> grids,
    List<Double> sparsityScales,
    List<String> patterns,
    List<Double> densities,
    List<String> backends,
    String device,
    String kernel,
    Precision precision,
    int heads,
    int batch,
    String dtype,
    int window,
    int firstFrames,
    String input,
    long seed,
    int reps,
    double maxSeconds,
    boolean round) {

  /** Lengths of the preset {@code quick}. */
  public static final List<Integer> QUICK_FRAMES = List.of(81, 161, 321);

  /** Length of the preset {@code patterns}. */
  private static final int PATTERNS_FRAMES = 129;

  /**
   * Doubled entries of lists are dropped, and a model's first native resolution is filled in where
   * there is no size.
   *
   * @throws IllegalArgumentException naming a setting that makes no sense, and what is allowed
   */
  public SweepSettings {
    models = distinct(models);
    frames = distinct(frames);
    latentFrames = distinct(latentFrames);
    patchesPerFrame = distinct(patchesPerFrame);
    grids = distinct(grids);
    sparsityScales = distinct(sparsityScales);
    patterns = distinct(patterns);
    densities = distinct(densities);
    backends = distinct(backends);
    require(!models.isEmpty(), "models are missing");
    require(!backends.isEmpty(), "backends are missing");
    require(!sparsityScales.isEmpty() || !patterns.isEmpty(), "sparsity scales are missing");
    require(densities.isEmpty() || !patterns.isEmpty(), "densities need patterns");
    densities.forEach(DensitySolver::checkDensity);
    for (String pattern : patterns) {
      boolean file = pattern.startsWith("file:");
      require(
          !file || densities.isEmpty(),
          "a mask from a file has its density: " + Messages.cut(pattern));
      require(
          file
              || patchesPerFrame.isEmpty()
              || !PatternSpec.parse(pattern).kind().needsRowsAndColumns(),
          Messages.cut(pattern) + " needs resolutions or a grid in place of patches per frame");
      if (!file) {
        // Values that no video could make right are refused before anything is written.
        PatternSpec.parse(pattern).build(new TokenGrid(1, 1, 1, 0));
      }
    }
    grids.forEach(PatchGrid::parse);
    require(
        grids.isEmpty() || (resolutions.isEmpty() && patchesPerFrame.isEmpty()),
        "give either grids, or resolutions or patches per frame");
    require(frames.isEmpty() != latentFrames.isEmpty(), "give either frames or latent frames");
    require(
        resolutions.isEmpty() || patchesPerFrame.isEmpty(),
        "give either resolutions or patches per frame");
    models.forEach(Models::named);
    resolutions =
        resolutions.isEmpty() && patchesPerFrame.isEmpty() && grids.isEmpty()
            ? List.of(Models.named(models.getFirst()).resolutions().getFirst())
            : distinct(resolutions);
    for (double scale : sparsityScales) {
      require(
          scale > 0 && Double.isFinite(scale),
          "sparsity scale must be a number above 0, got " + scale);
    }
    latentFrames.forEach(n -> atLeast("latent frames", n, 1));
    patchesPerFrame.forEach(n -> atLeast("patches per frame", n, 1));
    require(
        Stream.of(DType.values()).map(DType::name).anyMatch(dtype::equals),
        "dtype must be one of " + Arrays.toString(DType.values()) + ", got " + Messages.cut(dtype));
    atLeast("heads", heads, 0);
    atLeast("batch", batch, 1);
    atLeast("window", window, -1);
    atLeast("first frames", firstFrames, -1);
    atLeast("reps", reps, 1);
    require(
        maxSeconds >= 0 && Double.isFinite(maxSeconds),
        "max seconds must be a number from 0 on, got " + maxSeconds);
  }

  private static void atLeast(String name, int value, int least) {
    require(value >= least, name + " must be at least " + least + ", got " + value);
  }

  private static void require(boolean holds, String message) {
    if (!holds) {
      throw new IllegalArgumentException(message);
    }
  }

  private static <T> List<T> distinct(Collection<T> values) {
    return values.stream().distinct().toList();
  }

  /** What is measured if nothing is asked for: Wan 2.1 1.3B at 81 and 161 frames. */
  public static SweepSettingsBuilder defaults() {
    return new SweepSettingsBuilder();
  }

  /**
   * The preset {@code quick}: one small resolution, two heads, three lengths, three scales. Takes
   * less than two minutes on two cores.
   */
  public static SweepSettingsBuilder quick() {
    return new SweepSettingsBuilder()
        .resolutions(List.of("256x160"))
        .frames(QUICK_FRAMES)
        .heads(2)
        .maxSeconds(6);
  }

  /**
   * The settings that an earlier sweep was started with, to go on with it.
   *
   * @param directory where that sweep wrote its results
   * @throws IllegalArgumentException if the directory holds no sweep, or its settings are damaged
   */
  public static SweepSettings of(Path directory) throws IOException {
    return SweepDirectory.settings(directory);
  }

  /**
   * The preset {@code patterns}: five patterns at three densities on the moving scene. Takes about
   * two minutes on two cores.
   */
  public static SweepSettingsBuilder patternsPreset() {
    return new SweepSettingsBuilder()
        .resolutions(List.of("256x256"))
        .frames(List.of(PATTERNS_FRAMES))
        .heads(2)
        .sparsityScales(List.of())
        .patterns(
            List.of(
                "lvsa",
                "window:block=64",
                "radial:block=16",
                "sta:tile=3x4x4",
                "topk:queries=32,keys=32"))
        .densities(List.of(0.15, 0.25, 0.5))
        .maxSeconds(2);
  }

  /**
   * The lengths of a list that a video has: those that are no longer than the video, and in place
   * of longer ones the longest that the model takes.
   *
   * @param videoFrames frames of the video, at least 1
   */
  public static List<Integer> lengthsWithin(
      List<Integer> wanted, int videoFrames, ModelGeometry model) {
    List<Integer> lengths =
        new ArrayList<>(wanted.stream().filter(length -> length <= videoFrames).toList());
    if (lengths.size() < wanted.size()) {
      int unit = model.videoFramesPerLatentFrame();
      lengths.add((videoFrames - 1) / unit * unit + 1);
    }
    return distinct(lengths);
  }

  /**
   * The settings of each part that shares inputs and dense rounds: one geometry on one backend.
   * Together the parts measure the cells of the whole.
   */
  public List<SweepSettings> groups() {
    List<SweepSettings> groups = new ArrayList<>();
    for (String model : models) {
      for (SweepSettings sized : sizes()) {
        for (SweepSettings one : sized.lengths()) {
          for (String backend : backends) {
            groups.add(one.toBuilder().models(List.of(model)).backends(List.of(backend)).build());
          }
        }
      }
    }
    return groups;
  }

  private List<SweepSettings> sizes() {
    if (!grids.isEmpty()) {
      return grids.stream().map(grid -> toBuilder().grids(List.of(grid)).build()).toList();
    }
    if (!patchesPerFrame.isEmpty()) {
      return patchesPerFrame.stream()
          .map(patches -> toBuilder().patchesPerFrame(List.of(patches)).build())
          .toList();
    }
    return resolutions.stream()
        .map(resolution -> toBuilder().resolutions(List.of(resolution)).build())
        .toList();
  }

  private List<SweepSettings> lengths() {
    return frames.isEmpty()
        ? latentFrames.stream()
            .map(latent -> toBuilder().latentFrames(List.of(latent)).build())
            .toList()
        : frames.stream().map(length -> toBuilder().frames(List.of(length)).build()).toList();
  }

  /** A builder that holds these settings, to change some. */
  public SweepSettingsBuilder toBuilder() {
    return new SweepSettingsBuilder()
        .models(models)
        .frames(frames)
        .latentFrames(latentFrames)
        .resolutions(resolutions)
        .patchesPerFrame(patchesPerFrame)
        .grids(grids)
        .sparsityScales(sparsityScales)
        .patterns(patterns)
        .densities(densities)
        .backends(backends)
        .device(device)
        .kernel(kernel)
        .precision(precision)
        .heads(heads)
        .batch(batch)
        .dtype(dtype)
        .window(window)
        .firstFrames(firstFrames)
        .input(input)
        .seed(seed)
        .reps(reps)
        .maxSeconds(maxSeconds)
        .round(round);
  }

  /** As JSON, to send elsewhere. */
  public String toJson() {
    return Json.mapper().valueToTree(this).toString();
  }

  /**
   * Reads what {@link #toJson} wrote.
   *
   * @throws MalformedFileException if the text is no settings
   */
  public static SweepSettings ofJson(String json) {
    return Json.convert(
        Json.parse(json, "the settings of a sweep"),
        SweepSettings.class,
        "the settings of a sweep");
  }

  /** Device, kernel and precision as a backend takes them. */
  public KernelOptions kernelOptions() {
    return new KernelOptions(given(device), given(kernel), precision);
  }

  private static Optional<String> given(String text) {
    return Optional.of(text).filter(choice -> !choice.isEmpty());
  }

  /** The settings in which two sweeps differ, each with both values. */
  static List<String> differences(SweepSettings wanted, SweepSettings found) {
    ObjectNode now = Json.mapper().valueToTree(wanted);
    ObjectNode there = Json.mapper().valueToTree(found);
    List<String> differences = new ArrayList<>();
    now.properties()
        .forEach(
            entry -> {
              JsonNode other = there.get(entry.getKey());
              if (!entry.getValue().equals(other)) {
                differences.add(
                    Messages.cut(
                        entry.getKey() + " " + other + " there, " + entry.getValue() + " now"));
              }
            });
    return differences;
  }
}
