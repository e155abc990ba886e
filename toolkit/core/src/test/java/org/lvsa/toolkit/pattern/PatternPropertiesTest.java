// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.lvsa.kernels.BlockSparseLayout;

class PatternPropertiesTest {

  @Provide
  Arbitrary<PatternSettings> settings() {
    return Combinators.combine(
            Arbitraries.integers().between(1, 90),
            Arbitraries.integers().between(1, 9),
            Arbitraries.integers().between(0, 6),
            Arbitraries.integers().between(0, 5),
            Arbitraries.integers().between(1, 40),
            Arbitraries.doubles().between(0.1, 2),
            Arbitraries.integers().between(1, 30).injectNull(0.5),
            Arbitraries.integers().between(1, 4))
        .as(
            (frames, patches, window, first, reference, scale, interval, world) ->
                PatternSettings.of(frames, patches * world, window, first, reference, scale)
                    .withKeyFrameInterval(
                        interval == null ? OptionalInt.empty() : OptionalInt.of(interval)));
  }

  @Property
  void everyFrameAttendsToItselfWhereThereIsAWindow(@ForAll("settings") PatternSettings s) {
    Pattern pattern = Pattern.build(s, new RankSlice(0, world(s)));
    for (int frame = 0; frame < s.latentFrames(); frame++) {
      if (s.window() >= 1) {
        assertTrue(row(pattern.layout(), frame).get(frame), "frame " + frame);
      }
    }
  }

  @Property
  void attendedCountsAreConstantOverStepsWithAsManyGlobals(@ForAll("settings") PatternSettings s) {
    Map<Integer, Set<Integer>> totals = new HashMap<>();
    int interval = Pattern.build(s, new RankSlice(0, world(s))).keyFrameInterval();
    for (int step = 0; step < interval; step++) {
      Pattern pattern = Pattern.build(s.rotatedTo(step), new RankSlice(0, world(s)));
      int globals = pattern.globalFrames().size();
      for (int attended : pattern.attendedPerFrame()) {
        // With expanded windows a frame attends to the globals and min(2W + 1, T − globals) others.
        int expected =
            s.window() == 0
                ? globals
                : globals + Math.min(2 * s.window() + 1, s.latentFrames() - globals);
        assertEquals(expected, attended);
        totals.computeIfAbsent(globals, ignored -> new TreeSet<>()).add(attended);
      }
    }
    totals.forEach((globals, counts) -> assertEquals(1, counts.size(), "globals " + globals));
  }

  @Property
  void everyFrameHasBeenGlobalAfterOneRotation(@ForAll("settings") PatternSettings s) {
    int interval = Pattern.build(s, new RankSlice(0, world(s))).keyFrameInterval();
    BitSet seen = new BitSet();
    for (int step = 0; step < interval; step++) {
      Pattern.build(s.rotatedTo(step), new RankSlice(0, world(s)))
          .globalFrames()
          .forEach(seen::set);
    }
    assertEquals(s.latentFrames(), seen.cardinality());
  }

  @Property
  void theRanksHoldTheSequenceOnce(@ForAll("settings") PatternSettings s) {
    int[] held = new int[s.latentFrames() * s.patchesPerFrame()];
    for (int rank = 0; rank < world(s); rank++) {
      Pattern pattern = Pattern.build(s, new RankSlice(rank, world(s)));
      for (LocalFrame local : pattern.localFrames()) {
        for (int token = local.begin(); token < local.end(); token++) {
          int global = pattern.firstToken() + token;
          assertEquals(local.frame(), global / s.patchesPerFrame());
          held[global]++;
        }
      }
    }
    for (int count : held) {
      assertEquals(1, count);
    }
  }

  @Property
  void csrIsSortedAndInRange(@ForAll("settings") PatternSettings s) {
    for (int rank = 0; rank < world(s); rank++) {
      Pattern pattern = Pattern.build(s, new RankSlice(rank, world(s)));
      BlockSparseLayout csr = pattern.rankLayout();
      assertEquals(pattern.compactFrames().size(), csr.keyFrames());
      assertEquals(Math.ceilDiv(pattern.localTokens(), s.patchesPerFrame()), csr.queryFrames());
      for (int row = 0; row < csr.queryFrames(); row++) {
        for (int i = 0; i < csr.count(row); i++) {
          assertTrue(csr.index(row, i) >= 0 && csr.index(row, i) < csr.keyFrames());
          assertTrue(i == 0 || csr.index(row, i - 1) < csr.index(row, i));
          int frame = pattern.compactFrames().get(csr.index(row, i));
          assertTrue(
              row(pattern.layout(), pattern.localFrames().get(row).frame()).get(frame),
              "a rank attends to nothing that the whole pattern does not");
        }
      }
    }
  }

  @Property
  void withinTheBudgetThePatternIsDense(@ForAll("settings") PatternSettings s) {
    int scaled = Frames.scaledReference(s.firstFrames(), s.referenceFrames(), s.sparsityScale());
    if (s.latentFrames() <= scaled && s.keyFrameInterval().isEmpty()) {
      assertEquals(1.0, Pattern.build(s, new RankSlice(0, world(s))).density());
    }
  }

  @Property
  void theAutomaticIntervalIsWhatItsDefinitionSays(@ForAll("settings") PatternSettings s) {
    int frames = s.latentFrames();
    int scaled = Frames.scaledReference(s.firstFrames(), s.referenceFrames(), s.sparsityScale());
    int wanted =
        Math.max(s.firstFrames(), Math.min(scaled, frames) - Math.min(2 * s.window() + 1, frames));
    int strict = 1;
    for (int interval = 1; interval <= frames; interval++) {
      if (Frames.anchors(frames, s.firstFrames(), interval, 0).cardinality() >= wanted) {
        strict = interval;
      }
    }
    int found =
        Frames.automaticInterval(
            frames, s.window(), s.firstFrames(), s.referenceFrames(), s.sparsityScale());
    assertTrue(frames <= scaled ? found == 1 : found >= strict);
  }

  /** The most ranks, up to 4, that share the tokens evenly. */
  private static int world(PatternSettings s) {
    int tokens = s.latentFrames() * s.patchesPerFrame();
    return IntStream.of(4, 3, 2, 1).filter(world -> tokens % world == 0).findFirst().orElseThrow();
  }

  private static BitSet row(BlockSparseLayout layout, int row) {
    BitSet frames = new BitSet();
    for (int i = 0; i < layout.count(row); i++) {
      frames.set(layout.index(row, i));
    }
    return frames;
  }
}
