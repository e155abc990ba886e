// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.Int8Rounding;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;

/**
 * What rounding queries and keys to int8 does to attention, in float64: seeds are fixed, so the
 * errors are always the same.
 */
class Int8ErrorTest {
  private static final int SEED = 3;

  /** A query for which more is expected is computed in full. */
  private static final double LARGEST_EXPECTED = 0.02;

  @Test
  void randomNumbersAreWrongByOnePercent() {
    Outcome outcome = outcome(new InputSource.RandomNumbers(), 0);
    assertTrue(outcome.error() > 8e-3 && outcome.error() < 1.3e-2, outcome::toString);
    assertEquals(0, outcome.inFull(), outcome::toString);
  }

  @Test
  void theMovingSceneIsWrongByLessThanTwoPercent() {
    Outcome outcome = outcome(new InputSource.Moving(), 0);
    assertTrue(outcome.error() < 2e-2, outcome::toString);
  }

  /** The mean takes a channel away that is large in every key. */
  @Test
  void aChannelThatIsLargeInEveryKeyChangesNothing() {
    Outcome outcome = outcome(new InputSource.RandomNumbers(), 50);
    assertTrue(outcome.error() > 8e-3 && outcome.error() < 1.3e-2, outcome::toString);
    assertEquals(0, outcome.inFull(), outcome::toString);
  }

  /**
   * What a kernel does.
   *
   * @param error of the output, with the queries right that are computed in full
   * @param inFull share of those queries
   * @param everyError of the output if none were
   * @param expected the mean of the expected errors
   */
  private record Outcome(double error, double inFull, double everyError, double expected) {}

  /**
   * @param large what is added to one channel of every key
   */
  private static Outcome outcome(InputSource source, float large) {
    ModelGeometry model = Models.named("wan2.1-1.3b");
    PatchGrid grid = model.grid(Resolution.parse("208x112"));
    AttentionShape shape = new AttentionShape(1, 9, grid.patches(), 0, 1, 1, model.headDim());
    try (Arena arena = Arena.ofShared()) {
      Activations made = Activations.of(source, shape, DType.F16, model, grid, SEED, arena);
      for (long i = 9; i < shape.keyElements(); i += shape.headDim()) {
        DType.F16.set(made.key(), i, DType.F16.get(made.key(), i) + large);
      }
      AttentionInputs inputs =
          new AttentionInputs(shape, DType.F16, made.query(), made.key(), made.value());
      Int8Rounding rounding = Int8Rounding.of(inputs, arena);
      MemorySegment right = output(inputs, arena);
      MemorySegment rounded = output(rounding.rounded(arena), arena);
      double all = KernelConformance.relativeError(rounded, right);
      double[] expected = rounding.expectedErrors();
      long bytes = shape.headDim() * (long) Float.BYTES;
      int inFull = 0;
      for (int query = 0; query < expected.length; query++) {
        if (expected[query] > LARGEST_EXPECTED) {
          MemorySegment.copy(right, query * bytes, rounded, query * bytes, bytes);
          inFull++;
        }
      }
      return new Outcome(
          KernelConformance.relativeError(rounded, right),
          inFull / (double) expected.length,
          all,
          Arrays.stream(expected).average().orElseThrow());
    }
  }

  private static MemorySegment output(AttentionInputs inputs, Arena arena) {
    AttentionOutput output = AttentionOutput.allocate(inputs.shape(), arena);
    ReferenceAttention.run(
        new AttentionProblem(inputs, BlockSparseLayout.dense(inputs.shape().latentFrames())),
        output);
    return output.out();
  }
}
