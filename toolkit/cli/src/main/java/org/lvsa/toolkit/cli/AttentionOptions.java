// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.AskedPattern;
import org.lvsa.toolkit.blockpattern.PatternKind;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Messages;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The options that say how a model's self-attention runs. Only options that were typed go before
 * the {@code LVSA_*} variables, so none of them has a default here.
 */
final class AttentionOptions {
  @Option(
      names = "--attention",
      paramLabel = "dense|lvsa|PATTERN",
      description = {
        "lvsa alone turns sparse-window attention on; PATTERN is one of the laboratory's with its",
        "parameters and its schedule, such as radial:block=64,dense_steps=12 (names as in lvsa",
        "pattern --help; default: DIFFUSION_ATTENTION_BACKEND, else dense)"
      })
  private String attention;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      description =
          "auto, reference, nd4j, vector, tornado (default: LVSA_BACKEND, else auto: the fastest"
              + " that can run here)")
  private String backend;

  @Option(
      names = "--dtype",
      description =
          "${COMPLETION-CANDIDATES}: how kernels are given query, key and value (default: LVSA_DTYPE,"
              + " else f32)")
  private DType dtype;

  @Option(
      names = "--window",
      paramLabel = "FRAMES",
      description = "window on each side in video frames (default: LVSA_WINDOW_SIZE, else 12)")
  private Integer window;

  @Option(
      names = "--first-frames",
      paramLabel = "FRAMES",
      description =
          "first video frames that are always global (default: LVSA_N_FIRST_FRAMES, else 4)")
  private Integer firstFrames;

  @Option(
      names = "--key-frame-interval",
      paramLabel = "FRAMES",
      description =
          "distance of keyframes in video frames, in place of the automatic one (default:"
              + " LVSA_KEY_FRAME_INTERVAL where LVSA_AUTO_KEYFRAMES=0)")
  private Integer keyFrameInterval;

  @Option(
      names = "--reference-frames",
      paramLabel = "N",
      description =
          "training horizon in latent frames (default: LVSA_REFERENCE_LATENT_FRAMES, else the"
              + " model's)")
  private Integer referenceFrames;

  @Option(
      names = "--sparsity-scale",
      paramLabel = "SCALE",
      description = "share of the training horizon that a frame attends to (default: LVSA's, 1.0)")
  private Double sparsityScale;

  @Option(
      names = "--rotate-keyframes",
      negatable = true,
      description =
          "move keyframes by one position per step; implies the automatic interval (default:"
              + " LVSA_ROTATE_KEYFRAMES)")
  private Boolean rotate;

  @Option(
      names = "--strict",
      description = "fail where something would run dense or on a slower backend instead")
  private boolean strict;

  @Mixin private DeviceOption device;

  /** The device and the kernel that the user chose. */
  KernelOptions kernel() {
    return device.options();
  }

  /**
   * The settings in force.
   *
   * @param environment the process's variables
   * @param modelDefaults what the model says itself, where nobody else does
   * @param warn takes a line for each name that is none
   */
  LvsaConfig config(
      Map<String, String> environment,
      Map<Setting<?>, String> modelDefaults,
      Consumer<String> warn) {
    LvsaConfig config = LvsaConfig.of(environment, typed(), warn);
    config = config.withDefault(Setting.LVSA_BACKEND, "auto");
    for (Map.Entry<Setting<?>, String> entry : modelDefaults.entrySet()) {
      config = config.withDefault(entry.getKey(), entry.getValue());
    }
    return config;
  }

  /** The setting's name of what was typed; a pattern stands before dense attention. */
  private String setting() {
    return attention == null ? null : attention.equalsIgnoreCase("lvsa") ? "LVSA" : "SDPA";
  }

  /**
   * The pattern of the laboratory that was asked for; empty for dense attention and LVSA.
   *
   * @throws IllegalArgumentException naming the nearest pattern, or the parameter that is wrong
   */
  Optional<String> pattern() {
    if (attention == null
        || attention.equalsIgnoreCase("dense")
        || attention.equalsIgnoreCase("lvsa")) {
      return Optional.empty();
    }
    if (!attention.startsWith("file:")) {
      List<String> known = new ArrayList<>(List.of("dense"));
      Stream.of(PatternKind.values()).map(PatternKind::word).forEach(known::add);
      String name = AskedPattern.name(attention);
      if (!known.contains(name)) {
        throw new IllegalArgumentException(Messages.unknown("attention", name, known));
      }
    }
    AskedPattern.check(attention);
    return Optional.of(attention);
  }

  /** The settings that were typed, by the name of their variable. */
  Map<String, String> typed() {
    Map<String, String> typed = new HashMap<>();
    put(typed, Setting.DIFFUSION_ATTENTION_BACKEND, setting());
    put(typed, Setting.LVSA_BACKEND, backend);
    put(typed, Setting.LVSA_DTYPE, dtype == null ? null : dtype.name().toLowerCase(Locale.ROOT));
    put(typed, Setting.LVSA_WINDOW_SIZE, window);
    put(typed, Setting.LVSA_N_FIRST_FRAMES, firstFrames);
    put(typed, Setting.LVSA_REFERENCE_LATENT_FRAMES, referenceFrames);
    put(typed, Setting.LVSA_SPARSITY_SCALE, sparsityScale);
    put(typed, Setting.LVSA_ROTATE_KEYFRAMES, rotate == null ? null : rotate ? "1" : "0");
    if (keyFrameInterval != null) {
      put(typed, Setting.LVSA_KEY_FRAME_INTERVAL, keyFrameInterval);
      put(typed, Setting.LVSA_AUTO_KEYFRAMES, "0");
    }
    put(typed, Setting.LVSA_STRICT, strict ? "1" : null);
    return typed;
  }

  private static void put(Map<String, String> typed, Setting<?> setting, Object value) {
    if (value != null) {
      typed.put(setting.name(), value.toString());
    }
  }
}
