// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sharding;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.SequenceRanks;
import org.lvsa.toolkit.sharding.SequencePlan.Gather;
import org.lvsa.toolkit.sharding.SequencePlan.SplitInput;
import org.lvsa.toolkit.sharding.SequencePlan.SplitOutput;
import org.lvsa.toolkit.sharding.SequencePlan.SplitPart;
import org.lvsa.toolkit.sharding.SequencePlan.Text;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

class SequenceShardsTest {
  private static SequencePlan plan(boolean autoPad) {
    return new SequencePlan(
        Map.of(
            "blocks.0",
            List.of(new SplitInput("hidden_states", 1, OptionalInt.of(3), autoPad)),
            "proj_out",
            List.of(new Gather(0, 1, OptionalInt.empty()))));
  }

  /** Numbers that are their own places. */
  private static INDArray tensor(long... shape) {
    int elements = 1;
    for (long size : shape) {
      elements *= (int) size;
    }
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = i + 1;
    }
    return NdMemory.copy(MemorySegment.ofArray(values), shape);
  }

  private static SequenceShards shards(SequencePlan plan, Communicator ranks, int tokens) {
    return SequenceShards.of(plan, SequenceRanks.of(ranks, ranks.world(), 1), tokens);
  }

  @ParameterizedTest
  @CsvSource({"2, 6", "3, 6", "2, 7", "4, 5", "4, 2"})
  void whatIsSplitIsGatheredWithoutItsPadding(int world, int tokens) throws Exception {
    float[] whole = NdMemory.floats(tensor(2, tokens, 3));
    InProcess.run(
        world,
        ranks -> {
          int count = Math.ceilDiv(tokens, world);
          try (SequenceShards shards = shards(plan(true), ranks, tokens)) {
            INDArray part = shards.input("blocks.0", "hidden_states", tensor(2, tokens, 3));
            assertTrue(shards.inside());
            assertArrayEquals(new long[] {2, count, 3}, part.shape());
            int first = ranks.rank() * count;
            for (int token = 0; token < count; token++) {
              float expected = first + token < tokens ? whole[(first + token) * 3] : 0;
              assertEquals(expected, part.getFloat(0, token, 0));
            }
            try (INDArray all = shards.output("proj_out", 0, part)) {
              assertFalse(shards.inside());
              assertArrayEquals(whole, NdMemory.floats(all));
            }
          }
          assertEquals(2L * count * 3 * Float.BYTES * (world - 1), ranks.bytesSent());
          return null;
        });
  }

  @ParameterizedTest
  @EnumSource(Text.class)
  void textStaysWholeInFrontOrBehind(Text where) throws Exception {
    SequencePlan plan =
        new SequencePlan(
            Map.of(
                "blocks.*",
                List.of(new SplitPart("states", 1, OptionalInt.empty(), where)),
                "proj_out",
                List.of(new Gather(0, 1, OptionalInt.empty()))));
    List<float[]> parts =
        InProcess.run(
            2,
            ranks -> {
              try (SequenceShards shards = shards(plan, ranks, 3)) {
                INDArray part = shards.input("blocks.7", "states", tensor(1, 5, 1), 2);
                float[] mine = NdMemory.floats(part);
                shards.output("proj_out", 0, part).close();
                return mine;
              }
            });
    if (where == Text.FRONT) {
      assertArrayEquals(new float[] {1, 2, 3, 4}, parts.get(0));
      assertArrayEquals(new float[] {1, 2, 5, 0}, parts.get(1));
    } else {
      assertArrayEquals(new float[] {1, 2, 4, 5}, parts.get(0));
      assertArrayEquals(new float[] {3, 0, 4, 5}, parts.get(1));
    }
  }

  @Test
  void otherAxesThanExpectedAndOtherModulesAreLeftAsTheyAre() throws Exception {
    InProcess.run(
        2,
        ranks -> {
          SequenceShards shards = shards(plan(true), ranks, 4);
          INDArray flat = tensor(4, 3);
          assertSame(flat, shards.input("blocks.0", "hidden_states", flat));
          assertSame(flat, shards.input("blocks.0", "other", flat));
          assertSame(flat, shards.input("blocks.10", "hidden_states", flat));
          assertFalse(shards.inside());
          return null;
        });
    INDArray x = tensor(1, 4, 3);
    assertSame(x, SequenceShards.whole(4).input("blocks.0", "hidden_states", x));
  }

  @Test
  void aPointThatWasNotPassedIsAnErrorAndNotALostDivision() throws Exception {
    InProcess.run(
        2,
        ranks -> {
          SequenceShards shards = shards(plan(true), ranks, 4);
          shards.output("proj_out", 0, tensor(1, 2, 3)).close();
          String message = assertThrows(IllegalStateException.class, shards::close).getMessage();
          assertTrue(message.startsWith("the transformer did not come by blocks.0 "), message);
          return null;
        });
  }

  @Test
  void withoutPaddingTokensMustDivide() throws Exception {
    InProcess.run(
        4,
        ranks -> {
          SequenceShards shards = shards(plan(false), ranks, 6);
          assertEquals(
              "the video's tokens must be a multiple of the ranks (4), got 6: try one of [1, 2, 3]"
                  + " ranks",
              assertThrows(
                      IllegalArgumentException.class,
                      () -> shards.input("blocks.0", "hidden_states", tensor(1, 6, 3)))
                  .getMessage());
          return null;
        });
  }

  @Test
  void plansThatCannotWorkAreRefused() {
    Gather gather = new Gather(0, 1, OptionalInt.empty());
    SplitOutput split = new SplitOutput(0, 1, OptionalInt.empty(), true);
    assertThrows(
        IllegalArgumentException.class, () -> new SequencePlan(Map.of("rope", List.of(split))));
    for (String path : List.of("a.*.b.*", "blocks*", "*blocks.0")) {
      assertThrows(
          IllegalArgumentException.class,
          () -> new SequencePlan(Map.of(path, List.of(split), "proj_out", List.of(gather))));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> new SequencePlan(Map.of("rope", List.of(), "proj_out", List.of(gather))));
  }
}
