// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;
import picocli.CommandLine.Option;

/**
 * The shape and the pattern of {@code lvsa attend}: from the metadata of the safetensors file, with
 * an option going before each entry.
 */
final class AttendSettings {
  @Option(names = "--latent-frames", paramLabel = "T", description = "latent frames")
  private Integer latentFrames;

  @Option(names = "--patches-per-frame", paramLabel = "P", description = "patches per frame")
  private Integer patchesPerFrame;

  @Option(names = "--text-tokens", paramLabel = "N", description = "tokens after the video's")
  private Integer textTokens;

  @Option(names = "--window", paramLabel = "W", description = "frames on either side")
  private Integer window;

  @Option(names = "--first-frames", paramLabel = "N", description = "leading global frames")
  private Integer firstFrames;

  @Option(names = "--reference-frames", paramLabel = "N", description = "training horizon")
  private Integer referenceFrames;

  @Option(names = "--sparsity-scale", paramLabel = "S", description = "multiplies the reference")
  private Double sparsityScale;

  @Option(names = "--key-frame-interval", paramLabel = "N", description = "keyframe distance")
  private Integer keyFrameInterval;

  @Option(names = "--step", paramLabel = "N", description = "denoising step")
  private Integer step;

  @Option(
      names = "--rotate-keyframes",
      negatable = true,
      description = "move the keyframes one position per step")
  private Boolean rotateKeyframes;

  @Option(
      names = "--no-expand-window",
      description = "do not grow windows over the global frames that they hold")
  private boolean noExpandWindow;

  /** A tensor of the file, which must have the four axes of attention. */
  static TensorInfo tensor(Safetensors file, String name) {
    TensorInfo info = file.info(name);
    if (info.shape().size() != 4 || info.shape().stream().anyMatch(n -> n < 1 || n > 1 << 30)) {
      throw new MalformedFileException(
          file.path()
              + ": tensor "
              + name
              + " must be [batch, tokens, heads, headDim], got shape "
              + info.shape());
    }
    return info;
  }

  /**
   * The shape of the problem.
   *
   * @throws MalformedFileException if the tensors do not fit together, or not to the settings
   */
  AttentionShape shape(Safetensors file, TensorInfo q, TensorInfo k, TensorInfo v) {
    if (!k.shape().equals(v.shape())) {
      throw new MalformedFileException(
          file.path() + ": k and v must have one shape, got " + k.shape() + " and " + v.shape());
    }
    if (q.dtype() != k.dtype() || k.dtype() != v.dtype()) {
      throw new MalformedFileException(
          file.path()
              + ": q, k and v must have one dtype, got "
              + List.of(q.dtype(), k.dtype(), v.dtype()));
    }
    for (int axis : new int[] {0, 1, 3}) {
      if (q.size(axis) != k.size(axis)) {
        throw new MalformedFileException(
            file.path()
                + ": q and k must agree but in heads, got shapes "
                + q.shape()
                + " and "
                + k.shape());
      }
    }
    int frames = required(file, latentFrames, "latentFrames", "--latent-frames");
    int patches = required(file, patchesPerFrame, "patchesPerFrame", "--patches-per-frame");
    int text = integer(file, textTokens, "textTokens", 0);
    if ((long) frames * patches + text != q.size(1)) {
      throw new MalformedFileException(
          file.path()
              + ": latentFrames · patchesPerFrame + textTokens is "
              + frames
              + " · "
              + patches
              + " + "
              + text
              + ", the tensors have "
              + q.size(1)
              + " tokens");
    }
    return new AttentionShape(q.size(0), frames, patches, text, q.size(2), k.size(2), q.size(3));
  }

  /** The pattern's settings: options go before the file's metadata. */
  PatternSettings pattern(Safetensors file, AttentionShape shape) {
    Integer interval =
        keyFrameInterval != null
            ? keyFrameInterval
            : value(file, "keyFrameInterval", Integer::valueOf, null);
    return PatternSettings.of(
            shape.latentFrames(),
            shape.patchesPerFrame(),
            integer(file, window, "window", 3),
            integer(file, firstFrames, "firstFrames", 1),
            integer(file, referenceFrames, "referenceFrames", 21),
            sparsityScale != null
                ? sparsityScale
                : value(file, "sparsityScale", Double::valueOf, 1.0))
        .withKeyFrameInterval(interval == null ? OptionalInt.empty() : OptionalInt.of(interval))
        .withStep(integer(file, step, "step", 0))
        .withRotateKeyframes(
            rotateKeyframes != null
                ? rotateKeyframes
                : value(file, "rotateKeyframes", AttendSettings::truth, false))
        .withExpandWindow(
            !noExpandWindow && value(file, "expandWindow", AttendSettings::truth, true));
  }

  private int required(Safetensors file, Integer option, String name, String optionName) {
    Integer value = option != null ? option : value(file, name, Integer::valueOf, null);
    if (value == null) {
      throw new MalformedFileException(
          file.path() + ": the metadata has no " + name + ": give " + optionName);
    }
    return value;
  }

  private int integer(Safetensors file, Integer option, String name, int missing) {
    return option != null ? option : value(file, name, Integer::valueOf, missing);
  }

  private <T> T value(Safetensors file, String name, Function<String, T> reader, T missing) {
    String text = file.metadata().get(name);
    if (text == null || text.equals("null")) {
      return missing;
    }
    try {
      return reader.apply(text);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(
          file.path() + ": metadata " + name + " cannot be read, got " + Messages.cut(text));
    }
  }

  private static Boolean truth(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException(text);
    };
  }
}
