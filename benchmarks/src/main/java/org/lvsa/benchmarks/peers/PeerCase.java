// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;

/**
 * One attention to compare: its sizes and how the inputs are stored. Sparse is always the published
 * pattern of a window of 3 frames, 1 first frame and a training horizon of 21.
 *
 * @param latentFrames number of frames
 * @param patches tokens of a frame
 * @param heads number of heads
 * @param headDim elements of a head
 * @param dtype how query, key and value are stored
 */
record PeerCase(int latentFrames, int patches, int heads, int headDim, DType dtype) {
  /** What {@code docs} and the notes report, the main case first. */
  static final List<PeerCase> ALL =
      Stream.of(
              "81x96x4x128-f32",
              "81x96x4x64-f32",
              "81x96x4x40-f32",
              "81x96x4x128-bf16",
              "81x96x4x128-f16",
              "81x390x4x128-f32",
              "81x1560x1x128-f32")
          .map(PeerCase::parse)
          .toList();

  /**
   * Reads {@code FRAMESxPATCHESxHEADSxHEADDIM-DTYPE}, such as {@code 81x96x4x128-f32}.
   *
   * @throws IllegalArgumentException if the text is anything else
   */
  static PeerCase parse(String text) {
    if (!text.matches("[1-9]\\d{0,4}(x[1-9]\\d{0,4}){3}-(f32|f16|bf16)")) {
      throw new IllegalArgumentException(
          "a case is FRAMESxPATCHESxHEADSxHEADDIM-DTYPE such as 81x96x4x128-f32, with a dtype of"
              + " f32, f16 or bf16; got "
              + Messages.cut(text));
    }
    String[] parts = text.split("-");
    int[] sizes = Arrays.stream(parts[0].split("x")).mapToInt(Integer::parseInt).toArray();
    return new PeerCase(
        sizes[0], sizes[1], sizes[2], sizes[3], DType.valueOf(parts[1].toUpperCase(Locale.ROOT)));
  }

  /** The text that {@link #parse} reads. */
  String name() {
    return String.format(
        Locale.ROOT,
        "%dx%dx%dx%d-%s",
        latentFrames,
        patches,
        heads,
        headDim,
        dtype.name().toLowerCase(Locale.ROOT));
  }

  /** The sizes as a kernel takes them. */
  AttentionShape shape() {
    return new AttentionShape(1, latentFrames, patches, 0, heads, heads, headDim);
  }

  /** Which frames the sparse attention attends to. */
  Pattern pattern() {
    return Pattern.build(PatternSettings.of(latentFrames, patches, 3, 1, 21, 1));
  }

  /** Floating-point operations of one attention. */
  double flops(boolean sparse) {
    return shape().flops(sparse ? pattern().layout() : BlockSparseLayout.dense(latentFrames));
  }

  /** The same sizes with inputs stored otherwise. */
  PeerCase withDtype(DType other) {
    return new PeerCase(latentFrames, patches, heads, headDim, other);
  }

  /** A small problem with the same heads, on which a JIT compiler warms up in little time. */
  PeerCase small() {
    return new PeerCase(Math.min(latentFrames, 25), Math.min(patches, 96), heads, headDim, dtype);
  }
}
