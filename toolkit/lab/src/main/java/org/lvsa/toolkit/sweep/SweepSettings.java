// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.annotation.JsonPOJOBuilder;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;

/**
 * What a sweep measures. Lists cross. Kept in {@code settings.json}, so that a sweep is resumed
 * only with the settings that it was started with.
 *
 * <p>Start from {@link #defaults} or from {@link #quick} and change what should differ: {@code
 * SweepSettings.quick().frames(List.of(81)).build()}.
 *
 * @param models names of models
 * @param resolutions {@code WIDTHxHEIGHT}; empty where {@code patchesPerFrame} takes their place
 * @param frames video frames; empty where {@code latentFrames} takes their place
 * @param latentFrames latent frames, in place of {@code frames}
 * @param patchesPerFrame patches per frame, in place of {@code resolutions}
 * @param sparsityScales sparsity scales
 * @param backends names of backends, never {@code auto}
 * @param device id of the device to run on; empty for each backend's own choice
 * @param kernel name of the kernel to run; empty for each backend's own choice
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
@JsonDeserialize(builder = SweepSettings.Builder.class)
public record SweepSettings(
    List<String> models,
    List<String> resolutions,
    List<Integer> frames,
    List<Integer> latentFrames,
    List<Integer> patchesPerFrame,
    List<Double> sparsityScales,
    List<String> backends,
    String device,
    String kernel,
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
    sparsityScales = distinct(sparsityScales);
    backends = distinct(backends);
    require(!models.isEmpty(), "models are missing");
    require(!backends.isEmpty(), "backends are missing");
    require(!sparsityScales.isEmpty(), "sparsity scales are missing");
    require(frames.isEmpty() != latentFrames.isEmpty(), "give either frames or latent frames");
    require(
        resolutions.isEmpty() || patchesPerFrame.isEmpty(),
        "give either resolutions or patches per frame");
    models.forEach(Models::named);
    resolutions =
        resolutions.isEmpty() && patchesPerFrame.isEmpty()
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
  public static Builder defaults() {
    return new Builder();
  }

  /**
   * The preset {@code quick}: one small resolution, two heads, three lengths, three scales. Takes
   * less than two minutes on two cores.
   */
  public static Builder quick() {
    return new Builder()
        .resolutions(List.of("256x160"))
        .frames(QUICK_FRAMES)
        .heads(2)
        .maxSeconds(6);
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

  /** Device and kernel as a backend takes them. */
  public KernelOptions kernelOptions() {
    return new KernelOptions(given(device), given(kernel));
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

  /** Collects settings; whatever is not set has its default. */
  @JsonPOJOBuilder(withPrefix = "")
  public static final class Builder {
    private List<String> models = List.of("wan2.1-1.3b");
    private List<String> resolutions = List.of();
    private List<Integer> frames = List.of(81, 161);
    private List<Integer> latentFrames = List.of();
    private List<Integer> patchesPerFrame = List.of();
    private List<Double> sparsityScales = List.of(0.5, 0.75, 1.0);
    private List<String> backends = List.of("vector");
    private String device = "";
    private String kernel = "";
    private int heads;
    private int batch = 1;
    private String dtype = "F32";
    private int window = -1;
    private int firstFrames = -1;
    private String input = "moving";
    private long seed = 1;
    private int reps = 5;
    private double maxSeconds = 20;
    private boolean round;

    private Builder() {}

    /** The settings. Throws as the record's constructor does. */
    public SweepSettings build() {
      return new SweepSettings(
          models,
          resolutions,
          frames,
          latentFrames,
          patchesPerFrame,
          sparsityScales,
          backends,
          device,
          kernel,
          heads,
          batch,
          dtype,
          window,
          firstFrames,
          input,
          seed,
          reps,
          maxSeconds,
          round);
    }

    /** Names of models. */
    public Builder models(List<String> value) {
      models = value;
      return this;
    }

    /** {@code WIDTHxHEIGHT}; takes the place of patches per frame. */
    public Builder resolutions(List<String> value) {
      resolutions = value;
      patchesPerFrame = value.isEmpty() ? patchesPerFrame : List.of();
      return this;
    }

    /** Video frames; takes the place of latent frames. */
    public Builder frames(List<Integer> value) {
      frames = value;
      latentFrames = value.isEmpty() ? latentFrames : List.of();
      return this;
    }

    /** Latent frames; takes the place of video frames. */
    public Builder latentFrames(List<Integer> value) {
      latentFrames = value;
      frames = value.isEmpty() ? frames : List.of();
      return this;
    }

    /** Patches per frame; takes the place of resolutions. */
    public Builder patchesPerFrame(List<Integer> value) {
      patchesPerFrame = value;
      resolutions = value.isEmpty() ? resolutions : List.of();
      return this;
    }

    /** Sparsity scales. */
    public Builder sparsityScales(List<Double> value) {
      sparsityScales = value;
      return this;
    }

    /** Names of backends. */
    public Builder backends(List<String> value) {
      backends = value;
      return this;
    }

    /** Id of the device to run on; empty for each backend's own choice. */
    public Builder device(String value) {
      device = value;
      return this;
    }

    /** Name of the kernel to run; empty for each backend's own choice. */
    public Builder kernel(String value) {
      kernel = value;
      return this;
    }

    /** Heads to measure; 0 for all that the model has. */
    public Builder heads(int value) {
      heads = value;
      return this;
    }

    /** Independent sequences. */
    public Builder batch(int value) {
      batch = value;
      return this;
    }

    /** {@code F32}, {@code F16} or {@code BF16}. */
    public Builder dtype(String value) {
      dtype = value;
      return this;
    }

    /** Window in latent frames; −1 for the model's. */
    public Builder window(int value) {
      window = value;
      return this;
    }

    /** First frames in latent frames; −1 for the model's. */
    public Builder firstFrames(int value) {
      firstFrames = value;
      return this;
    }

    /** {@code random}, {@code moving} or a video file. */
    public Builder input(String value) {
      input = value;
      return this;
    }

    /** Seed of the inputs. */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /** Most runs of one measurement in one round. */
    public Builder reps(int value) {
      reps = value;
      return this;
    }

    /** Longest time for the rounds of one cell, beyond the least number of rounds. */
    public Builder maxSeconds(double value) {
      maxSeconds = value;
      return this;
    }

    /** Whether frames and sides that a model does not take are rounded. */
    public Builder round(boolean value) {
      round = value;
      return this;
    }
  }
}
