// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.CapturedAttention;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.sweep.SweepListener;
import org.lvsa.toolkit.sweep.SweepSettings;
import org.lvsa.toolkit.sweep.SweepSettingsBuilder;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that say what a sweep measures. */
final class SweepOptions {
  enum Preset {
    QUICK,
    PATTERNS
  }

  @Option(
      names = "--preset",
      description =
          "quick: one small resolution, two heads, three lengths, three scales; patterns: five"
              + " patterns at three densities. Each within about two minutes on two cores. Options"
              + " that are given overrule it")
  private Preset preset;

  @Option(
      names = "--models",
      split = ",",
      paramLabel = "NAME",
      description = "models of datasets/models.json (default: wan2.1-1.3b)")
  private List<String> models;

  @Option(
      names = "--resolutions",
      split = ",",
      paramLabel = "WxH",
      description = "default: the model's first native one")
  private List<String> resolutions;

  @Option(
      names = "--frames",
      split = ",",
      paramLabel = "N",
      description = "video frames (default: 81,161)")
  private List<Integer> frames;

  @Option(
      names = "--latent-frames",
      split = ",",
      paramLabel = "T",
      description = "latent frames, in place of --frames")
  private List<Integer> latentFrames;

  @Option(
      names = "--patches-per-frame",
      split = ",",
      paramLabel = "P",
      description = "patches per frame, in place of --resolutions")
  private List<Integer> patchesPerFrame;

  @Option(
      names = "--grid",
      split = ",",
      paramLabel = "HxW",
      description = "rows and columns of patches, in place of --resolutions")
  private List<String> grids;

  @Option(
      names = "--patterns",
      paramLabel = "NAME",
      description =
          "patterns by name, such as lvsa,radial:block=64,sta:tile=2x4x4 (see ./lvsa pattern"
              + " --help), in place of --sparsity-scales")
  private String patterns;

  @Option(
      names = "--density",
      split = ",",
      paramLabel = "D",
      description =
          "with --patterns: their parameters are solved for these shares of all pairs of tokens")
  private List<Double> densities;

  @Option(
      names = "--block-tokens",
      split = ",",
      paramLabel = "N",
      description =
          "with --patterns: each of them that has blocks of consecutive tokens with blocks of so"
              + " many, for the plot of error against block size")
  private List<Integer> blockTokens;

  @Option(
      names = "--sparsity-scales",
      split = ",",
      paramLabel = "S",
      description = "of LVSA (default: 0.5,0.75,1.0; with --patterns none)")
  private List<Double> sparsityScales;

  @Option(
      names = "--backends",
      split = ",",
      paramLabel = "NAME",
      description =
          "auto (the fastest that can run here), reference, nd4j, vector, tornado (default: auto)")
  private List<String> backends;

  @Mixin private DeviceOption device;

  @Option(
      names = "--heads",
      paramLabel = "N",
      description = "measure this many heads; heads are independent (default: all of the model's)")
  private Integer heads;

  @Option(names = "--batch", paramLabel = "N", description = "default: 1")
  private Integer batch;

  @Option(names = "--dtype", description = "${COMPLETION-CANDIDATES} (default: F32)")
  private DType dtype;

  @Option(
      names = "--window",
      paramLabel = "W",
      description = "window in latent frames (default: the model's)")
  private Integer window;

  @Option(
      names = "--first-frames",
      paramLabel = "N",
      description = "first frames in latent frames (default: the model's)")
  private Integer firstFrames;

  @Option(
      names = "--input",
      paramLabel = "random|moving|FILE",
      description =
          "random numbers, a scene made in code, a video file, or a .safetensors file that generate"
              + " --capture wrote (default: moving)")
  private String input;

  @Option(names = "--seed", paramLabel = "N", description = "default: 1")
  private Long seed;

  @Option(
      names = "--reps",
      paramLabel = "N",
      description =
          "most runs of one measurement in one round, of which the median counts (default: 5)")
  private Integer reps;

  @Option(
      names = "--max-seconds",
      paramLabel = "S",
      description =
          "longest time for more rounds of a cell whose interval is wider than ±10 %% (default: 20;"
              + " quick: 6)")
  private Double maxSeconds;

  @Option(
      names = "--round",
      description = "round frames and sides that a model does not take to the nearest ones")
  private boolean round;

  /**
   * The settings that these options ask for.
   *
   * @param where which machines measure: another one may have backends that this one lacks
   * @param strict whether {@code auto} must not pass over a faster backend
   * @param listener told what the user should know
   */
  SweepSettings settings(Where where, boolean strict, SweepListener listener) {
    if (latentFrames != null && frames != null) {
      throw new IllegalArgumentException(
          "--latent-frames takes the place of --frames: give one of them");
    }
    if (patchesPerFrame != null && resolutions != null) {
      throw new IllegalArgumentException(
          "--patches-per-frame takes the place of --resolutions: give one of them");
    }
    if (grids != null && (patchesPerFrame != null || resolutions != null)) {
      throw new IllegalArgumentException(
          "--grid takes the place of --resolutions and --patches-per-frame: give one of them");
    }
    if (densities != null && patterns == null && preset != Preset.PATTERNS) {
      throw new IllegalArgumentException("--density needs --patterns");
    }
    if (blockTokens != null && patterns == null) {
      throw new IllegalArgumentException("--block-tokens needs --patterns");
    }
    if (heads != null && heads < 1) {
      throw new IllegalArgumentException("--heads must be at least 1, got " + heads);
    }
    for (Integer least : new Integer[] {window, firstFrames}) {
      if (least != null && least < 0) {
        throw new IllegalArgumentException(
            "--window and --first-frames must be at least 0, got " + least);
      }
    }
    SweepSettingsBuilder settings =
        switch (preset) {
          case QUICK -> SweepSettings.quick();
          case PATTERNS -> SweepSettings.patternsPreset();
          case null -> SweepSettings.defaults();
        };
    sizesOfTheCapture();
    if (patterns != null && sparsityScales == null) {
      settings.sparsityScales(List.of());
    }
    given(grids, settings::grids);
    given(patterns == null ? null : patterns(), settings::patterns);
    given(densities, settings::densities);
    given(models, settings::models);
    given(resolutions, settings::resolutions);
    given(frames, settings::frames);
    given(latentFrames, settings::latentFrames);
    given(patchesPerFrame, settings::patchesPerFrame);
    given(sparsityScales, settings::sparsityScales);
    given(heads, settings::heads);
    given(batch, settings::batch);
    given(dtype == null ? null : dtype.name(), settings::dtype);
    given(window, settings::window);
    given(firstFrames, settings::firstFrames);
    given(input == null ? null : inputName(), settings::input);
    given(seed, settings::seed);
    given(reps, settings::reps);
    given(maxSeconds, settings::maxSeconds);
    KernelOptions options = device.options();
    settings
        .device(options.device().orElse(""))
        .kernel(options.kernel().orElse(""))
        .precision(options.precision())
        .round(round)
        .backends(
            (backends == null ? List.of("auto") : backends)
                .stream().map(name -> backend(name, where, strict, listener)).toList());
    if (preset == Preset.QUICK && frames == null && latentFrames == null && input != null) {
      settings.frames(lengthsOfTheVideo(settings.build(), listener));
    }
    return settings.build();
  }

  /** Which machines measure a sweep. */
  enum Where {
    /** This one. */
    HERE,
    /** Those of a cluster. */
    CLUSTER
  }

  /** The backend's name; what {@code auto} takes on this machine is measured on every machine. */
  private String backend(String name, Where where, boolean strict, SweepListener listener) {
    if (where == Where.CLUSTER && !name.equals("auto")) {
      Backends.requireKnown(name);
      return name;
    }
    return Backends.named(name, message -> fallback(message, strict, listener)).name();
  }

  private static <T> void given(T value, Consumer<T> setting) {
    if (value != null) {
      setting.accept(value);
    }
  }

  /** The patterns, those with blocks of consecutive tokens once per size of block. */
  private List<String> patterns() {
    List<String> all = new ArrayList<>();
    for (String text : PatternSpec.split(patterns)) {
      if (blockTokens == null || text.startsWith("file:")) {
        all.add(text);
        continue;
      }
      PatternSpec asked = PatternSpec.parse(text);
      for (int tokens : blockTokens) {
        if (tokens < 1) {
          throw new IllegalArgumentException("--block-tokens must be at least 1, got " + tokens);
        }
        all.add(asked.withBlocks(tokens).map(PatternSpec::written).orElse(text));
      }
    }
    return all;
  }

  /** The preset takes the lengths that the video has. */
  private List<Integer> lengthsOfTheVideo(SweepSettings settings, SweepListener listener) {
    List<Integer> wanted = settings.frames();
    int there = Activations.frames(InputSource.parse(settings.input()), Collections.max(wanted));
    if (there < 1) {
      throw new MalformedFileException(settings.input() + ": has no readable frame");
    }
    List<Integer> lengths =
        SweepSettings.lengthsWithin(wanted, there, Models.named(settings.models().getFirst()));
    if (!lengths.equals(wanted)) {
      listener.warn(
          "the video has "
              + there
              + " frames: the preset measures "
              + lengths.stream().map(String::valueOf).collect(Collectors.joining(", "))
              + " frames instead of "
              + wanted.stream().map(String::valueOf).collect(Collectors.joining(", ")));
    }
    return lengths;
  }

  /** A capture says itself how its tokens lie and how many heads it has. */
  private void sizesOfTheCapture() {
    if (input == null || !(InputSource.parse(input) instanceof InputSource.Capture capture)) {
      return;
    }
    CapturedAttention sizes = CapturedAttention.of(capture.path());
    if (frames == null && latentFrames == null) {
      latentFrames = List.of(sizes.latentFrames());
    }
    if (resolutions == null && patchesPerFrame == null && grids == null) {
      patchesPerFrame = List.of(sizes.patchesPerFrame());
    }
    heads = heads == null ? (Integer) sizes.heads() : heads;
  }

  /** A file's full path, so that a sweep resumes from any directory. */
  private String inputName() {
    Path path =
        switch (InputSource.parse(input)) {
          case InputSource.VideoFile file -> file.path();
          case InputSource.Capture capture -> capture.path();
          case InputSource.RandomNumbers ignored -> null;
          case InputSource.Moving ignored -> null;
        };
    return path != null && Files.exists(path)
        ? path.toAbsolutePath().normalize().toString()
        : input;
  }

  private static void fallback(String message, boolean strict, SweepListener listener) {
    if (strict) {
      throw new UnavailableException("--strict: " + message);
    }
    listener.warn(message);
  }
}
