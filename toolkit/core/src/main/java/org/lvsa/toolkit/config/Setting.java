// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A variable: its published name, its default, what it may be and what it means. */
public enum Setting {
  LVSA_WINDOW_SIZE(Kind.COUNT, "12", "frames of the window on each side, in video frames"),
  LVSA_N_FIRST_FRAMES(Kind.COUNT, "4", "first frames that are always global, in video frames"),
  LVSA_KEY_FRAME_INTERVAL(
      Kind.POSITIVE, "16", "distance of keyframes, in video frames; read if not automatic"),
  LVSA_AUTO_KEYFRAMES(
      Kind.FLAG, "1", "compute the interval from the length and the training horizon"),
  LVSA_ROTATE_KEYFRAMES(Kind.FLAG, "0", "move keyframes by one position at each denoising step"),
  LVSA_EXPAND_WINDOW(Kind.FLAG, "1", "grow a window over frames that are global anyway"),
  LVSA_SPARSITY_SCALE(
      Kind.SCALE, "1.0", "share of the training horizon that a frame may attend to"),
  LVSA_REFERENCE_LATENT_FRAMES(
      Kind.POSITIVE, "21", "training horizon in latent frames: Wan 21, HunyuanVideo 1.5 33"),
  LVSA_BACKEND(
      Kind.TEXT,
      "sdpa",
      "sdpa (per-frame gather), flashinfer (fused CSR: the fastest fused kernel here), or a backend"
          + " of lvsa devices by name"),
  LVSA_DTYPE(
      Kind.DTYPE,
      "f32",
      "how a kernel is given query, key and value; tensor cores take f16 and bf16 (this toolkit's)"),
  LVSA_VAE_TEMPORAL_FACTOR(Kind.POSITIVE, "4", "video frames of a latent frame"),
  LVSA_TOTAL_LATENT_FRAMES(Kind.POSITIVE, "", "latent frames of the video, if no request says so"),
  LVSA_PATCHES_PER_FRAME(Kind.POSITIVE_LIST, "", "patches of a frame, candidates in order"),
  LVSA_VIDEO_HEIGHT(Kind.POSITIVE, "", "pixels; with the width gives the patches of a frame"),
  LVSA_VIDEO_WIDTH(Kind.POSITIVE, "", "pixels"),
  LVSA_VAE_SPATIAL_FACTOR(Kind.POSITIVE, "8", "pixels of a latent pixel, along each side"),
  LVSA_PATCH_SIZE(Kind.POSITIVE, "2", "latent pixels of a patch, along each side"),
  LVSA_CFG_PASSES(Kind.POSITIVE, "2", "forward passes of a denoising step (2 with guidance)"),
  LVSA_N_BLOCKS(Kind.POSITIVE, "", "attention blocks of the model; counted if not given"),
  LVSA_WAN_HOOK(Kind.FLAG, "0", "install the hook on Wan, whose sequence arrives sharded by rank"),
  LVSA_HUNYUAN_HOOK(Kind.FLAG, "1", "install the hook on HunyuanVideo 1.5 where LVSA is selected"),
  LVSA_WARN_FALLBACK(Kind.FLAG, "1", "say when something runs dense, once per reason and length"),
  LVSA_STRICT(Kind.FLAG, "0", "an error in place of running dense (this toolkit's)"),
  LVSA_MEM_LOG(Kind.FLAG, "0", "a line of memory figures a step"),
  LVSA_STEP_TIME_LOG(Kind.FLAG, "0", "a line of seconds a step"),
  LVSA_MASK_LOG(
      Kind.STEPS, "0", "the mask, at these steps: 1 (all), once, N, N-M or N,M,K; 0 for none"),
  DIFFUSION_ATTENTION_BACKEND(Kind.ATTENTION, "SDPA", "which attention a model's blocks call");

  /** What a value may be. */
  public enum Kind {
    /** A whole number of 0 or more. */
    COUNT("a whole number of at least 0"),
    /** A whole number of 1 or more. */
    POSITIVE("a whole number of at least 1"),
    /** Several of them. */
    POSITIVE_LIST("whole numbers of at least 1, with commas between them"),
    /** On or off. */
    FLAG("1, true, yes or on; 0, false, no or off"),
    /** A factor. */
    SCALE("a number above 0"),
    /** A type of numbers. */
    DTYPE("f32, f16 or bf16"),
    /** Which steps. */
    STEPS("0, 1, once, a step N, a range N-M or a list N,M,K"),
    /** An attention, for self-attention or by role. */
    ATTENTION(
        "SDPA or LVSA, for self-attention, or JSON by role:"
            + " {\"per_role\": {\"self\": {\"backend\": \"LVSA\"}}}"),
    /** Anything. */
    TEXT("text");

    private final String allowed;

    Kind(String allowed) {
      this.allowed = allowed;
    }

    /** In words. */
    public String allowed() {
      return allowed;
    }
  }

  private final Kind kind;
  private final String standard;
  private final String meaning;

  Setting(Kind kind, String standard, String meaning) {
    this.kind = kind;
    this.standard = standard;
    this.meaning = meaning;
  }

  /** What it may be. */
  public Kind kind() {
    return kind;
  }

  /** The default as one would write it; empty for none. */
  public String standard() {
    return standard;
  }

  /** What it is for. */
  public String meaning() {
    return meaning;
  }

  /** Its field in {@code LVSA_CONFIG}'s JSON: {@code window_size}. */
  public String field() {
    return name().toLowerCase(Locale.ROOT).replaceFirst("^lvsa_", "");
  }

  /** The setting of a field of the JSON. */
  static Optional<Setting> ofField(String field) {
    return Arrays.stream(values()).filter(s -> s.field().equals(field)).findFirst();
  }

  /** The variable whose name is nearest to one that is none. */
  static String nearest(String name) {
    return Arrays.stream(values())
        .map(Setting::name)
        .min(
            Comparator.comparingInt(
                // A name cut short is nearer than one of its length that means something else.
                known -> known.startsWith(name) ? 0 : distance(known, name)))
        .orElseThrow();
  }

  /** Every variable's name. */
  static List<String> names() {
    return Arrays.stream(values()).map(Setting::name).toList();
  }

  /** Insertions, deletions and replacements from one to the other (Levenshtein). */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
