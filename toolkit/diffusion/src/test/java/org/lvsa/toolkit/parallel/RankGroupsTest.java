// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.parallel.RankGroups.Kind;

/** Groups as vLLM-Omni's own generator gives them. */
class RankGroupsTest {
  @Test
  void tensorRanksLieNextToEachOtherAndGuidanceRanksFarApart() {
    RankGroups groups = new RankGroups(2, 2, 1, 1, 2, 1);
    assertEquals(8, groups.world());
    assertEquals("[[0, 1], [2, 3], [4, 5], [6, 7]]", groups.of(Kind.TENSOR).toString());
    assertEquals("[[0, 2], [1, 3], [4, 6], [5, 7]]", groups.of(Kind.SEQUENCE).toString());
    assertEquals("[[0, 4], [1, 5], [2, 6], [3, 7]]", groups.of(Kind.GUIDANCE).toString());
    assertEquals("[[0], [1], [2], [3], [4], [5], [6], [7]]", groups.of(Kind.DATA).toString());
  }

  @Test
  void aSequenceGroupIsCutIntoNeighboursForUlyssesAndStridesForTheRing() {
    RankGroups groups = new RankGroups(1, 2, 2, 1, 2, 1);
    assertEquals("[[0, 1, 2, 3], [4, 5, 6, 7]]", groups.of(Kind.SEQUENCE).toString());
    assertEquals("[[0, 4], [1, 5], [2, 6], [3, 7]]", groups.of(Kind.GUIDANCE).toString());
    assertEquals("[[0, 1], [2, 3], [4, 5], [6, 7]]", groups.ulyssesGroups().toString());
    assertEquals("[[0, 2], [1, 3], [4, 6], [5, 7]]", groups.ringGroups().toString());
    assertEquals("[[0, 1, 2, 3], [4, 5, 6, 7]]", groups.shardGroups(4).toString());
  }

  @Test
  void whatDoesNotFitIsNamedWithANumberThatDoes() {
    assertEquals(
        "Ring parallel size must be > 0, got 0: 1 leaves it out",
        assertThrows(IllegalArgumentException.class, () -> new RankGroups(1, 1, 0, 1, 1, 1))
            .getMessage());
    assertEquals(
        "CFG parallel size must be 1 or 2, but got 3: guidance has two branches",
        assertThrows(IllegalArgumentException.class, () -> new RankGroups(1, 1, 1, 1, 3, 1))
            .getMessage());
    RankGroups groups = new RankGroups(2, 3, 1, 1, 1, 1);
    assertEquals(
        "num_gpus (4) must be parallel_config.world_size (6 = tensor 2 x sequence 3 x pipeline 1 x"
            + " guidance 1 x data 1): start 6 ranks",
        assertThrows(IllegalArgumentException.class, () -> groups.requireWorld(4)).getMessage());
    assertEquals(
        "hsdp_shard_size must divide the number of ranks (6), got 4: try one of [1, 2, 3, 6]",
        assertThrows(IllegalArgumentException.class, () -> groups.shardGroups(4)).getMessage());
  }
}
