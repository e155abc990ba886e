// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Messages;

/**
 * One point of a sweep: everything that a user can vary. Two cells are equal if nothing
 * distinguishes them, so a cell is also the key under which results are looked up.
 *
 * @param model name of the model
 * @param resolution {@code WIDTHxHEIGHT}, {@code -} where patches per frame were given, or {@code
 *     HEIGHTxWIDTH patches}
 * @param frames video frames
 * @param latentFrames latent frames
 * @param patchesPerFrame patches of one latent frame
 * @param batch independent sequences
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param headDim elements of one head's vector
 * @param dtype how query, key and value are stored
 * @param sparsityScale multiplies the training horizon: below 1 is sparser; NaN where a pattern was
 *     asked for by name
 * @param backend name of the backend
 * @param input {@code random}, {@code moving}, or the video's file name
 * @param seed seed of the inputs
 * @param pattern the pattern as it was asked for: {@code lvsa}, {@code radial:block=64}
 * @param askedDensity density of tokens that the pattern's parameters are solved for; NaN where
 *     none was asked for
 */
public record Cell(
    String model,
    String resolution,
    int frames,
    int latentFrames,
    int patchesPerFrame,
    int batch,
    int heads,
    int kvHeads,
    int headDim,
    DType dtype,
    double sparsityScale,
    String backend,
    String input,
    long seed,
    String pattern,
    double askedDensity) {

  /** Texts are kept on one line, as {@code results.csv} needs them. */
  public Cell {
    model = Messages.oneLine(model);
    resolution = Messages.oneLine(resolution);
    backend = Messages.oneLine(backend);
    input = Messages.oneLine(input);
    pattern = Messages.oneLine(pattern);
  }

  /** Tokens of one sequence. */
  public int tokens() {
    return Math.multiplyExact(latentFrames, patchesPerFrame);
  }

  /** Floating-point operations of dense attention, see {@link org.lvsa.kernels.AttentionShape}. */
  double denseFlops() {
    return 4.0 * tokens() * tokens() * headDim * heads * batch;
  }

  /** Whether this is LVSA at a sparsity scale, and not a pattern that was asked for by name. */
  public boolean isScale() {
    return !Double.isNaN(sparsityScale);
  }

  /** The name of the pattern, without its parameters. */
  public String patternName() {
    return pattern.replaceFirst(":.*", "");
  }

  /** What tells this cell's pattern from others: {@code scale 0.5}, {@code radial at 0.25}. */
  public String what() {
    return isScale()
        ? "scale " + sparsityScale
        : pattern + (Double.isNaN(askedDensity) ? "" : " at density " + askedDensity);
  }

  /** For messages: {@code wan2.1-1.3b 832x480 81 frames, scale 0.5, vector}. */
  public String title() {
    return model
        + " "
        + (resolution.equals("-") ? patchesPerFrame + " patches" : resolution)
        + " "
        + frames
        + " frames, "
        + what()
        + ", "
        + backend;
  }
}
