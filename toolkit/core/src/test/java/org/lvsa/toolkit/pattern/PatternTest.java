// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.BlockSparseLayout;

/** The rules of the pattern, one by one, at sizes that can be checked by hand. */
class PatternTest {

  private static PatternSettings settings(
      int frames, int patches, int window, int first, Integer interval) {
    return PatternSettings.of(frames, patches, window, first, 21, 1.0)
        .withKeyFrameInterval(interval == null ? OptionalInt.empty() : OptionalInt.of(interval));
  }

  private static Pattern whole(int frames, int window, int first, Integer interval) {
    return Pattern.build(settings(frames, 6, window, first, interval));
  }

  private static List<Integer> numbers(String text) {
    return text == null || text.isBlank()
        ? List.of()
        : Arrays.stream(text.trim().split(" +")).map(Integer::valueOf).toList();
  }

  // ---- windows

  @ParameterizedTest
  @CsvSource({
    // frame, W, T, first, last
    "10, 3, 41, 7, 13",
    "0, 3, 41, 0, 6",
    "1, 3, 41, 0, 6",
    "3, 3, 41, 0, 6",
    "4, 3, 41, 1, 7",
    "40, 3, 41, 34, 40",
    "38, 3, 41, 34, 40",
    "37, 3, 41, 34, 40",
    "36, 3, 41, 33, 39",
    "2, 3, 5, 0, 4",
    "0, 3, 1, 0, 0",
    "0, 1, 2, 0, 1",
    "5, 0, 10, 5, 4"
  })
  void windowsShiftAtTheEndsOfTheVideo(int frame, int window, int frames, int low, int high) {
    assertEquals(
        new FrameRange(low, high), Frames.window(frame, window, frames, false, new BitSet()));
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 8, 20, 41})
  void windowsHaveOneWidthAndHoldTheirFrame(int frames) {
    for (int frame = 0; frame < frames; frame++) {
      FrameRange window = Frames.window(frame, 3, frames, false, new BitSet());
      assertEquals(7, window.last() - window.first() + 1);
      assertTrue(window.contains(frame));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // globals, frame, W, T, first, last: grows left, then right, until 2W + 1 are not global
    "'', 10, 2, 30, 8, 12",
    "'9', 10, 2, 30, 7, 12",
    "'9 11', 10, 2, 30, 7, 13",
    "'8 9 10', 10, 2, 30, 6, 13",
    "'7 9', 10, 2, 30, 7, 13",
    "'0 1', 2, 2, 30, 0, 6",
    "'28 29', 29, 2, 30, 23, 29",
    "'0 1 2 3 4 5', 2, 2, 8, 0, 7"
  })
  void windowsGrowOverGlobalFrames(
      String globals, int frame, int window, int frames, int low, int high) {
    BitSet set = new BitSet();
    numbers(globals).forEach(set::set);
    assertEquals(new FrameRange(low, high), Frames.window(frame, window, frames, true, set));
  }

  // ---- global frames

  @ParameterizedTest
  @CsvSource({
    // T, first, interval, offset, globals
    "12, 1, 4, 0, '0 4 8'",
    "12, 2, 4, 0, '0 1 4 8'",
    "12, 1, 4, 1, '0 1 5 9'",
    "12, 1, 4, 3, '0 3 7 11'",
    "12, 0, 4, 2, '2 6 10'",
    "10, 1, 4, 3, '0 1 3 7'",
    "10, 1, 4, 0, '0 4 8'",
    "5, 1, 5, 0, '0'",
    "5, 1, 5, 4, '0 4'",
    "5, 9, 5, 0, '0 1 2 3 4'",
    "1, 1, 1, 0, '0'",
    "6, 0, 1, 0, '0 1 2 3 4 5'",
    "5, 1, 9, 7, '0 2'"
  })
  void anchorsAreFirstAndPeriodicFrames(
      int frames, int first, int interval, int offset, String globals) {
    assertEquals(
        numbers(globals),
        Frames.anchors(frames, first, interval, offset).stream().boxed().toList());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 6, 40})
  void afterOneRotationEveryFrameWasAKeyframe(int interval) {
    BitSet seen = new BitSet();
    for (int offset = 0; offset < interval; offset++) {
      BitSet anchors = Frames.anchors(40, 0, interval, offset);
      assertEquals(Math.ceilDiv(40, interval), anchors.cardinality(), "offset " + offset);
      seen.or(anchors);
    }
    assertEquals(40, seen.cardinality());
  }

  @ParameterizedTest
  @CsvSource({
    // T, P, W, world, guards
    "12, 6, 1, 1, ''",
    "12, 6, 1, 2, '5 6 7'",
    "12, 6, 1, 3, '3 4 5 7 8 9'",
    "12, 6, 0, 2, '6'",
    "12, 6, 3, 2, '3 4 5 6 7 8 9'",
    "5, 6, 1, 2, '1 2 3'",
    "4, 6, 1, 4, '0 1 2 3'",
    "3, 4, 9, 2, '0 1 2'",
    "10, 6, 1, 4, '1 2 3 4 5 6 7 8'"
  })
  void guardsStandAroundTheRanksBoundaries(
      int frames, int patches, int window, int world, String guards) {
    assertEquals(
        numbers(guards),
        Frames.boundaryGuards(frames, patches, window, world).stream().boxed().toList());
  }

  // ---- the automatic interval

  @ParameterizedTest
  @CsvSource({
    // T, scale, interval at W=3, first=1, reference 21, as the published function gives it
    "1, 1.0, 1",
    "20, 1.0, 1",
    "21, 1.0, 1",
    "41, 1.0, 3",
    "81, 1.0, 6",
    "121, 1.0, 9",
    "21, 0.5, 10",
    "11, 0.5, 5",
    "10, 0.5, 1",
    "81, 2.0, 3"
  })
  void theIntervalFollowsLengthAndScale(int frames, double scale, int interval) {
    assertEquals(interval, Frames.automaticInterval(frames, 3, 1, 21, scale));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 21, 1.0, 21",
    "1, 21, 0.5, 10",
    "1, 21, 0.01, 2",
    "4, 33, 0.1, 5",
    "1, 33, 2.0, 66"
  })
  void theScaledReferenceHasALeast(int first, int reference, double scale, int scaled) {
    assertEquals(scaled, Frames.scaledReference(first, reference, scale));
  }

  @ParameterizedTest
  @ValueSource(ints = {22, 41, 81, 161, 321})
  void moreScaleIsMoreGlobalFrames(int frames) {
    int before = 0;
    for (double scale : new double[] {0.4, 0.6, 1.0, 1.5}) {
      PatternSettings s = PatternSettings.of(frames, 6, 3, 1, 21, scale);
      int globals = Pattern.build(s).globalFrames().size();
      assertTrue(globals >= before, scale + ": " + globals + " after " + before);
      before = globals;
    }
  }

  @ParameterizedTest
  @CsvSource({"21, 21", "13, 21", "33, 33", "13, 13"})
  void upToTheHorizonEverythingIsAttended(int frames, int reference) {
    Pattern pattern = Pattern.build(PatternSettings.of(frames, 6, 3, 1, reference, 1.0));
    assertEquals(1, pattern.keyFrameInterval());
    assertEquals(1, pattern.density());
  }

  @ParameterizedTest
  @CsvSource({"0, 21", "3, 21"})
  void withoutAWindowTooTheHorizonIsCovered(int window, int frames) {
    assertEquals(1, Pattern.build(PatternSettings.of(frames, 6, window, 1, 21, 1.0)).density());
  }

  @Test
  void theLongerTheSparser() {
    double before = 2;
    for (int frames : new int[] {21, 41, 81, 121, 241}) {
      double density = Pattern.build(PatternSettings.of(frames, 6, 3, 1, 21, 1.0)).density();
      assertTrue(density < before, frames + ": " + density);
      before = density;
    }
  }

  // ---- rows

  @ParameterizedTest
  @CsvSource({
    // frame, attended at T=12, W=1, first=1, interval 4: globals 0 4 8
    "0, '0 1 2 3 4 8'",
    "1, '0 1 2 3 4 8'",
    "5, '0 3 4 5 6 8'",
    "10, '0 4 8 9 10 11'",
    "11, '0 4 8 9 10 11'"
  })
  void aFrameAttendsToGlobalsAndWindow(int frame, String attended) {
    assertEquals(numbers(attended), row(whole(12, 1, 1, 4).layout(), frame));
  }

  private static List<Integer> row(BlockSparseLayout layout, int row) {
    return IntStream.range(0, layout.count(row)).map(i -> layout.index(row, i)).boxed().toList();
  }

  @Test
  void withoutAWindowOnlyGlobalsAreAttended() {
    Pattern pattern = whole(12, 0, 1, 4);
    for (int frame = 0; frame < 12; frame++) {
      assertEquals(List.of(0, 4, 8), row(pattern.layout(), frame));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // T, W, first, interval
    "1, 3, 1, 1",
    "5, 9, 1, 5",
    "6, 1, 6, 2",
    "6, 1, 0, 1",
    "7, 2, 1, 7"
  })
  void edgesHold(int frames, int window, int first, int interval) {
    Pattern pattern = whole(frames, window, first, interval);
    assertEquals(frames, pattern.layout().queryFrames());
    for (int frame = 0; frame < frames; frame++) {
      assertTrue(row(pattern.layout(), frame).contains(frame), "frame " + frame);
      assertTrue(row(pattern.layout(), frame).containsAll(pattern.globalFrames()));
    }
  }

  @Test
  void densityIsAttendedPairsOverAllPairs() {
    Pattern pattern = whole(12, 1, 1, 4);
    assertEquals(IntStream.of(pattern.attendedPerFrame()).sum() / 144.0, pattern.density(), 1e-15);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "1, 1", "3, 3", "4, 0", "9, 1"})
  void aStepMovesKeyframesByOnePosition(int step, int offset) {
    Pattern pattern = Pattern.build(settings(12, 6, 1, 1, 4).rotatedTo(step));
    assertEquals(offset, pattern.keyframeOffset());
    assertTrue(pattern.globalFrames().contains(offset + 4));
  }

  // ---- the mask

  @ParameterizedTest
  @CsvSource({"0, X W W W G . . . G . . .", "5, G . . W X W W . G . . ."})
  void theMaskMarksGlobalsAndWindows(int frame, String marks) {
    Pattern pattern = whole(12, 1, 1, 4);
    String expected =
        IntStream.range(0, 12)
            .mapToObj(key -> String.valueOf(pattern.mark(frame, key)))
            .reduce("", String::concat);
    List<Integer> row = row(pattern.layout(), frame);
    for (int key = 0; key < 12; key++) {
      assertEquals(row.contains(key), expected.charAt(key) != '.');
    }
    assertEquals(marks.replace(" ", ""), expected);
    assertEquals("%2d %s %d".formatted(frame, expected, row.size()), pattern.mask().get(frame));
    assertEquals(13, pattern.mask().size());
    assertTrue(pattern.mask().getLast().endsWith("density %.4f".formatted(pattern.density())));
  }

  // ---- ranks

  @ParameterizedTest
  @CsvSource({
    // rank, world, first token, local frames as frame:begin-end
    "0, 1, 0, '0:0-6 1:6-12 2:12-18 3:18-24'",
    "0, 2, 0, '0:0-6 1:6-12'",
    "1, 2, 12, '2:0-6 3:6-12'",
    "0, 3, 0, '0:0-6 1:6-8'",
    "1, 3, 8, '1:0-4 2:4-8'",
    "2, 3, 16, '2:0-2 3:2-8'",
    "3, 8, 9, '1:0-3'",
    "5, 12, 10, '1:0-2'"
  })
  void aRankHoldsItsPartOfTheFrames(int rank, int world, int firstToken, String local) {
    Pattern pattern = Pattern.build(settings(4, 6, 1, 1, 2), new RankSlice(rank, world));
    assertEquals(firstToken, pattern.firstToken());
    assertEquals(24 / world, pattern.localTokens());
    assertEquals(
        local,
        pattern.localFrames().stream()
            .map(f -> f.frame() + ":" + f.begin() + "-" + f.end())
            .reduce((a, b) -> a + " " + b)
            .orElseThrow());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 6})
  void ranksAgreeOnGlobalsAndGuards(int world) {
    Pattern first = Pattern.build(settings(12, 6, 1, 1, 4), new RankSlice(0, world));
    for (int rank = 1; rank < world; rank++) {
      Pattern other = Pattern.build(settings(12, 6, 1, 1, 4), new RankSlice(rank, world));
      assertEquals(first.globalFrames(), other.globalFrames());
      assertEquals(first.boundaryGuards(), other.boundaryGuards());
      assertEquals(first.layout(), other.layout());
    }
    assertTrue(first.globalFrames().containsAll(first.boundaryGuards()));
  }

  @ParameterizedTest
  @CsvSource({"0, 2", "1, 2", "0, 3", "1, 3", "2, 3", "3, 4"})
  void compactFramesAreWhatTheRanksRowsName(int rank, int world) {
    Pattern pattern = Pattern.build(settings(12, 6, 2, 1, 4), new RankSlice(rank, world));
    BlockSparseLayout rows = pattern.rankLayout();
    BitSet named = new BitSet();
    for (int row = 0; row < rows.queryFrames(); row++) {
      row(rows, row).forEach(named::set);
      assertTrue(
          row(rows, row).stream()
              .map(pattern.compactFrames()::get)
              .toList()
              .containsAll(pattern.globalFrames()),
          "every row attends to all globals");
    }
    assertEquals(pattern.compactFrames().size(), named.cardinality());
  }

  @ParameterizedTest
  @CsvSource({
    "4, 6, 5, 'world must divide the 24 tokens (4 frames of 6 patches), got 5: try 4'",
    "5, 5, 2, 'world must divide the 25 tokens (5 frames of 5 patches), got 2: try 1'"
  })
  void tokensMustDivideAmongTheRanks(int frames, int patches, int world, String message) {
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class,
                () -> Pattern.build(settings(frames, patches, 1, 1, 2), new RankSlice(0, world)))
            .getMessage());
  }

  @Test
  void ranksWhoseTokensDoNotDivideAreGuardedWhereTheirPartsMeet() {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 200; i++) {
      int frames = random.nextInt(2, 40);
      int patches = random.nextInt(1, 20);
      int window = random.nextInt(0, 4);
      int ranks = random.nextInt(1, 9);
      int each = (frames * patches + ranks - 1) / ranks;
      TreeSet<Integer> expected = new TreeSet<>();
      for (int first = each; first < frames * patches; first += each) {
        for (int frame = 0; frame < frames; frame++) {
          if (Math.abs(frame - first / patches) <= window) {
            expected.add(frame);
          }
        }
      }
      PatternSettings s = settings(frames, patches, window, 1, 4);
      Pattern pattern = Pattern.guarded(s, ranks);
      String what = "seed " + seed + ": " + s + ", " + ranks + " ranks";
      assertEquals(List.copyOf(expected), pattern.boundaryGuards(), what);
      if (frames * patches % ranks == 0) {
        Pattern strict = Pattern.build(s, new RankSlice(0, ranks));
        assertEquals(strict.globalFrames(), pattern.globalFrames(), what);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 'world must be at least 1, got 0'",
    "2, 2, 'rank must be from 0 to 1 (world is 2), got 2'",
    "-1, 2, 'rank must be from 0 to 1 (world is 2), got -1'"
  })
  void aRankIsBelowItsWorld(int rank, int world, String message) {
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> new RankSlice(rank, world))
            .getMessage());
  }

  @Test
  void aWitherChangesOneThing() {
    PatternSettings base = PatternSettings.of(41, 6, 3, 1, 21, 0.5);
    assertEquals(
        new PatternSettings(41, 6, 2, 4, 21, 0.5, OptionalInt.of(7), 9, true, false),
        base.withWindow(2, 4)
            .withKeyFrameInterval(OptionalInt.of(7))
            .withStep(9)
            .withRotateKeyframes(true)
            .withExpandWindow(false));
    assertEquals(base, base.rotatedTo(3).withRotateKeyframes(false).withStep(0));
  }

  @Test
  void aWindowWhoseDoubleOverflowsStillShrinks() {
    PatternSettings wide = PatternSettings.of(41, 6, 1 << 30, 1, 21, 1.0).shrunkToHorizon();
    assertEquals(10, wide.window());
    assertEquals(5, wide.firstFrames());
  }
}
