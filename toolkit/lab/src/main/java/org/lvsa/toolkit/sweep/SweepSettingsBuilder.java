// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.annotation.JsonPOJOBuilder;
import java.util.List;
import org.lvsa.kernels.Precision;

/**
 * Collects the settings of a sweep; whatever is not set has its default. Start with {@link
 * SweepSettings#defaults} or {@link SweepSettings#quick}.
 */
@JsonPOJOBuilder(withPrefix = "")
public final class SweepSettingsBuilder {
  private List<String> models = List.of("wan2.1-1.3b");
  private List<String> resolutions = List.of();
  private List<Integer> frames = List.of(81, 161);
  private List<Integer> latentFrames = List.of();
  private List<Integer> patchesPerFrame = List.of();
  private List<String> grids = List.of();
  private List<String> patterns = List.of();
  private List<Double> densities = List.of();
  private List<Double> sparsityScales = List.of(0.5, 0.75, 1.0);
  private List<String> backends = List.of("vector");
  private String device = "";
  private String kernel = "";
  private Precision precision = Precision.FULL;
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

  SweepSettingsBuilder() {}

  /**
   * The settings of the sweep. Throws an exception where the constructor of {@link SweepSettings}
   * does.
   */
  public SweepSettings build() {
    return new SweepSettings(
        models,
        resolutions,
        frames,
        latentFrames,
        patchesPerFrame,
        grids,
        sparsityScales,
        patterns,
        densities,
        backends,
        device,
        kernel,
        precision,
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
  public SweepSettingsBuilder models(List<String> value) {
    models = value;
    return this;
  }

  /** {@code WIDTHxHEIGHT}; takes the place of patches per frame. */
  public SweepSettingsBuilder resolutions(List<String> value) {
    resolutions = value;
    patchesPerFrame = value.isEmpty() ? patchesPerFrame : List.of();
    grids = value.isEmpty() ? grids : List.of();
    return this;
  }

  /** {@code HEIGHTxWIDTH} in patches; takes the place of resolutions. */
  public SweepSettingsBuilder grids(List<String> value) {
    grids = value;
    resolutions = value.isEmpty() ? resolutions : List.of();
    patchesPerFrame = value.isEmpty() ? patchesPerFrame : List.of();
    return this;
  }

  /** Patterns by name, {@code radial:block=64}. */
  public SweepSettingsBuilder patterns(List<String> value) {
    patterns = value;
    return this;
  }

  /** Densities of tokens for which the patterns' parameters are solved. */
  public SweepSettingsBuilder densities(List<Double> value) {
    densities = value;
    return this;
  }

  /** Video frames; takes the place of latent frames. */
  public SweepSettingsBuilder frames(List<Integer> value) {
    frames = value;
    latentFrames = value.isEmpty() ? latentFrames : List.of();
    return this;
  }

  /** Latent frames; takes the place of video frames. */
  public SweepSettingsBuilder latentFrames(List<Integer> value) {
    latentFrames = value;
    frames = value.isEmpty() ? frames : List.of();
    return this;
  }

  /** Patches per frame; takes the place of resolutions. */
  public SweepSettingsBuilder patchesPerFrame(List<Integer> value) {
    patchesPerFrame = value;
    resolutions = value.isEmpty() ? resolutions : List.of();
    grids = value.isEmpty() ? grids : List.of();
    return this;
  }

  /** Sparsity scales. */
  public SweepSettingsBuilder sparsityScales(List<Double> value) {
    sparsityScales = value;
    return this;
  }

  /** Names of backends. */
  public SweepSettingsBuilder backends(List<String> value) {
    backends = value;
    return this;
  }

  /** Id of the device to run on; empty for each backend's own choice. */
  public SweepSettingsBuilder device(String value) {
    device = value;
    return this;
  }

  /** Name of the kernel to run; empty for each backend's own choice. */
  public SweepSettingsBuilder kernel(String value) {
    kernel = value;
    return this;
  }

  /** Precision of the scores, for the backends that have it. */
  public SweepSettingsBuilder precision(Precision value) {
    precision = value;
    return this;
  }

  /** Heads to measure; 0 for all that the model has. */
  public SweepSettingsBuilder heads(int value) {
    heads = value;
    return this;
  }

  /** Independent sequences. */
  public SweepSettingsBuilder batch(int value) {
    batch = value;
    return this;
  }

  /** {@code F32}, {@code F16} or {@code BF16}. */
  public SweepSettingsBuilder dtype(String value) {
    dtype = value;
    return this;
  }

  /** Window in latent frames; −1 for the model's. */
  public SweepSettingsBuilder window(int value) {
    window = value;
    return this;
  }

  /** First frames in latent frames; −1 for the model's. */
  public SweepSettingsBuilder firstFrames(int value) {
    firstFrames = value;
    return this;
  }

  /** {@code random}, {@code moving} or a video file. */
  public SweepSettingsBuilder input(String value) {
    input = value;
    return this;
  }

  /** Seed of the inputs. */
  public SweepSettingsBuilder seed(long value) {
    seed = value;
    return this;
  }

  /** Most runs of one measurement in one round. */
  public SweepSettingsBuilder reps(int value) {
    reps = value;
    return this;
  }

  /** Longest time for the rounds of one cell, beyond the least number of rounds. */
  public SweepSettingsBuilder maxSeconds(double value) {
    maxSeconds = value;
    return this;
  }

  /** Whether frames and sides that a model does not take are rounded. */
  public SweepSettingsBuilder round(boolean value) {
    round = value;
    return this;
  }
}
