// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * A setting that an environment variable gives: its published name, its default, what it may be and
 * what it means.
 *
 * @param <T> the type of its value
 */
public final class Setting<T> {
  static final String DIFFUSION_ATTENTION_BACKEND_NAME = "DIFFUSION_ATTENTION_BACKEND";

  private static final List<Setting<?>> ALL = new ArrayList<>();

  /** Frames of the window on each side, in video frames. */
  public static final Setting<Integer> LVSA_WINDOW_SIZE =
      new Setting<>(
          "LVSA_WINDOW_SIZE",
          Kind.COUNT,
          "12",
          "frames of the window on each side, in video frames");

  /** First frames that are always global, in video frames. */
  public static final Setting<Integer> LVSA_N_FIRST_FRAMES =
      new Setting<>(
          "LVSA_N_FIRST_FRAMES",
          Kind.COUNT,
          "4",
          "first frames that are always global, in video frames");

  /** Distance of keyframes, in video frames; read if not automatic. */
  public static final Setting<Integer> LVSA_KEY_FRAME_INTERVAL =
      new Setting<>(
          "LVSA_KEY_FRAME_INTERVAL",
          Kind.POSITIVE,
          "16",
          "distance of keyframes, in video frames; read if not automatic");

  /** Compute the interval from the length and the training horizon. */
  public static final Setting<Boolean> LVSA_AUTO_KEYFRAMES =
      new Setting<>(
          "LVSA_AUTO_KEYFRAMES",
          Kind.FLAG,
          "1",
          "compute the interval from the length and the training horizon");

  /** Move keyframes by one position at each denoising step. */
  public static final Setting<Boolean> LVSA_ROTATE_KEYFRAMES =
      new Setting<>(
          "LVSA_ROTATE_KEYFRAMES",
          Kind.FLAG,
          "0",
          "move keyframes by one position at each denoising step");

  /** Grow a window over frames that are global anyway. */
  public static final Setting<Boolean> LVSA_EXPAND_WINDOW =
      new Setting<>(
          "LVSA_EXPAND_WINDOW", Kind.FLAG, "1", "grow a window over frames that are global anyway");

  /** Share of the training horizon that a frame may attend to. */
  public static final Setting<Double> LVSA_SPARSITY_SCALE =
      new Setting<>(
          "LVSA_SPARSITY_SCALE",
          Kind.SCALE,
          "1.0",
          "share of the training horizon that a frame may attend to");

  /** Training horizon in latent frames: Wan 21, HunyuanVideo 1.5 33. */
  public static final Setting<Integer> LVSA_REFERENCE_LATENT_FRAMES =
      new Setting<>(
          "LVSA_REFERENCE_LATENT_FRAMES",
          Kind.POSITIVE,
          "21",
          "training horizon in latent frames: Wan 21, HunyuanVideo 1.5 33");

  /**
   * {@code sdpa} (gathers frame by frame), flashinfer (fused CSR: the fastest fused kernel here),
   * or a backend of lvsa devices by name.
   */
  public static final Setting<String> LVSA_BACKEND =
      new Setting<>(
          "LVSA_BACKEND",
          Kind.TEXT,
          "sdpa",
          "sdpa (per-frame gather), flashinfer (fused CSR: the fastest fused kernel here), or a backend of lvsa devices by name");

  /**
   * How a kernel is given query, key and value; tensor cores take f16 and bf16 (this toolkit's).
   */
  public static final Setting<DType> LVSA_DTYPE =
      new Setting<>(
          "LVSA_DTYPE",
          Kind.DTYPE,
          "f32",
          "how a kernel is given query, key and value; tensor cores take f16 and bf16 (this toolkit's)");

  /** Video frames per latent frame. */
  public static final Setting<Integer> LVSA_VAE_TEMPORAL_FACTOR =
      new Setting<>(
          "LVSA_VAE_TEMPORAL_FACTOR", Kind.POSITIVE, "4", "video frames of a latent frame");

  /** Latent frames of the video, if no request says so. */
  public static final Setting<OptionalInt> LVSA_TOTAL_LATENT_FRAMES =
      new Setting<>(
          "LVSA_TOTAL_LATENT_FRAMES",
          Kind.OPTIONAL,
          "",
          "latent frames of the video, if no request says so");

  /** Patches per frame, candidates in order. */
  public static final Setting<List<Integer>> LVSA_PATCHES_PER_FRAME =
      new Setting<>(
          "LVSA_PATCHES_PER_FRAME",
          Kind.POSITIVE_LIST,
          "",
          "patches of a frame, candidates in order");

  /** Pixels; with the width gives the patches of a frame. */
  public static final Setting<OptionalInt> LVSA_VIDEO_HEIGHT =
      new Setting<>(
          "LVSA_VIDEO_HEIGHT",
          Kind.OPTIONAL,
          "",
          "pixels; with the width gives the patches of a frame");

  /** Pixels. */
  public static final Setting<OptionalInt> LVSA_VIDEO_WIDTH =
      new Setting<>("LVSA_VIDEO_WIDTH", Kind.OPTIONAL, "", "pixels");

  /** Pixels per latent pixel, along each side. */
  public static final Setting<Integer> LVSA_VAE_SPATIAL_FACTOR =
      new Setting<>(
          "LVSA_VAE_SPATIAL_FACTOR",
          Kind.POSITIVE,
          "8",
          "pixels of a latent pixel, along each side");

  /** Latent pixels per patch, along each side. */
  public static final Setting<Integer> LVSA_PATCH_SIZE =
      new Setting<>(
          "LVSA_PATCH_SIZE", Kind.POSITIVE, "2", "latent pixels of a patch, along each side");

  /** Forward passes per denoising step (2 with guidance). */
  public static final Setting<Integer> LVSA_CFG_PASSES =
      new Setting<>(
          "LVSA_CFG_PASSES",
          Kind.POSITIVE,
          "2",
          "forward passes of a denoising step (2 with guidance)");

  /** Attention blocks of the model; counted if not given. */
  public static final Setting<OptionalInt> LVSA_N_BLOCKS =
      new Setting<>(
          "LVSA_N_BLOCKS",
          Kind.OPTIONAL,
          "",
          "attention blocks of the model; counted if not given");

  /** Install the hook on Wan, whose sequence arrives sharded by rank. */
  public static final Setting<Boolean> LVSA_WAN_HOOK =
      new Setting<>(
          "LVSA_WAN_HOOK",
          Kind.FLAG,
          "0",
          "install the hook on Wan, whose sequence arrives sharded by rank");

  /** Install the hook on HunyuanVideo 1.5 where LVSA is selected. */
  public static final Setting<Boolean> LVSA_HUNYUAN_HOOK =
      new Setting<>(
          "LVSA_HUNYUAN_HOOK",
          Kind.FLAG,
          "1",
          "install the hook on HunyuanVideo 1.5 where LVSA is selected");

  /** Say when something runs dense, once per reason and length. */
  public static final Setting<Boolean> LVSA_WARN_FALLBACK =
      new Setting<>(
          "LVSA_WARN_FALLBACK",
          Kind.FLAG,
          "1",
          "say when something runs dense, once per reason and length");

  /** An error in place of running dense (this toolkit's). */
  public static final Setting<Boolean> LVSA_STRICT =
      new Setting<>(
          "LVSA_STRICT", Kind.FLAG, "0", "an error in place of running dense (this toolkit's)");

  /** One line of memory figures per step. */
  public static final Setting<Boolean> LVSA_MEM_LOG =
      new Setting<>("LVSA_MEM_LOG", Kind.FLAG, "0", "one line of memory figures per step");

  /** One line with the seconds of each step. */
  public static final Setting<Boolean> LVSA_STEP_TIME_LOG =
      new Setting<>("LVSA_STEP_TIME_LOG", Kind.FLAG, "0", "one line with the seconds of each step");

  /** The mask, at these steps: 1 (all), once, N, N-M or N,M,K; 0 for none. */
  public static final Setting<StepSelection> LVSA_MASK_LOG =
      new Setting<>(
          "LVSA_MASK_LOG",
          Kind.STEPS,
          "0",
          "the mask, at these steps: 1 (all), once, N, N-M or N,M,K; 0 for none");

  /** Which attention a model's blocks call. */
  public static final Setting<Map<String, String>> DIFFUSION_ATTENTION_BACKEND =
      new Setting<>(
          DIFFUSION_ATTENTION_BACKEND_NAME,
          Kind.ATTENTION,
          "SDPA",
          "which attention a model's blocks call");

  private final String name;
  private final Kind<T> kind;
  private final String standard;
  private final String meaning;

  private Setting(String name, Kind<T> kind, String standard, String meaning) {
    this.name = name;
    this.kind = kind;
    this.standard = standard;
    this.meaning = meaning;
    ALL.add(this);
  }

  /** Every setting, in the order of the reference. */
  public static List<Setting<?>> all() {
    return List.copyOf(ALL);
  }

  /** The variable's name. */
  public String name() {
    return name;
  }

  /** The allowed values, in words. */
  public String allowed() {
    return kind.allowed();
  }

  /** The default, written as a user would write it. Empty if there is none. */
  public String standard() {
    return standard;
  }

  /** The purpose of the setting, in words. */
  public String meaning() {
    return meaning;
  }

  /** Whether a generated video depends on it, or only what is logged on the way. */
  public boolean decidesResult() {
    return !List.of(
            LVSA_WARN_FALLBACK, LVSA_STRICT, LVSA_MEM_LOG, LVSA_STEP_TIME_LOG, LVSA_MASK_LOG)
        .contains(this);
  }

  /** Its field in {@code LVSA_CONFIG}'s JSON: {@code window_size}. */
  public String field() {
    return name.toLowerCase(Locale.ROOT).replaceFirst("^lvsa_", "");
  }

  /**
   * Reads a value.
   *
   * @throws IllegalArgumentException naming the variable, the value and what is allowed
   */
  LvsaConfig.Value<T> parse(String text, LvsaConfig.Origin origin) {
    try {
      return new LvsaConfig.Value<>(kind.parser().apply(text), text, origin);
    } catch (MalformedFileException e) {
      // The JSON parser's own message, with line and column.
      throw e;
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          name + " must be " + allowed() + ", got " + Messages.cut(text), e);
    }
  }

  /**
   * The setting of that name.
   *
   * @throws IllegalArgumentException if there is none, naming the nearest
   */
  public static Setting<?> named(String name) {
    return find(name)
        .orElseThrow(
            () -> new IllegalArgumentException(Messages.unknown("variable", name, names())));
  }

  static Optional<Setting<?>> find(String name) {
    return ALL.stream().filter(setting -> setting.name.equals(name)).findFirst();
  }

  /** The setting of a field of the JSON. */
  static Optional<Setting<?>> ofField(String field) {
    return ALL.stream().filter(setting -> setting.field().equals(field)).findFirst();
  }

  /** The variable whose name is nearest to one that is none. */
  static String nearest(String name) {
    return Messages.nearest(name, names()).getFirst();
  }

  /** Every variable's name. */
  static List<String> names() {
    return ALL.stream().map(Setting::name).toList();
  }

  @Override
  public String toString() {
    return name;
  }
}
