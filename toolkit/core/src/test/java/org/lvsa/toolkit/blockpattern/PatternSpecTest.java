// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PatternSpecTest {
  private static final TokenGrid GRID = new TokenGrid(12, 8, 16, 0);

  @TempDir private Path directory;

  /** Settings that suit the small video. */
  private static PatternSpec small(PatternKind kind) {
    return PatternSpec.parse(
        switch (kind) {
          case LVSA -> "lvsa";
          case WINDOW, DILATED, STRIDED, RADIAL, RANDOM -> kind.word() + ":block=16";
          case SVG -> "svg:block=16";
          case STA -> "sta:tile=2x4x4";
          case SVG2 -> "svg2:queries=8,keys=16,iterations=3,least=0";
          case VSA -> "vsa:cube=2x4x4";
          case DRAFT -> "draft:patch=4x4";
          case SPARGE -> "sparge:queries=32,keys=16";
          case BSA -> "bsa:queries=4x4x4,keys=2x4x4";
          case TOPK -> "topk:queries=32,keys=16";
        });
  }

  private static List<HeadInputs> heads(long seed) {
    return IntStream.range(0, 2)
        .mapToObj(
            head -> {
              SplittableRandom random = new SplittableRandom(seed + head);
              float[][] parts = new float[3][GRID.tokens() * 8];
              for (float[] part : parts) {
                for (int i = 0; i < part.length; i++) {
                  // Neighbours in time resemble each other, as in videos.
                  part[i] =
                      (float)
                          (Math.sin(i / 8 / 300.0 + i % 8 + head) + 0.3 * random.nextGaussian());
                }
              }
              return new HeadInputs(8, parts[0], parts[1], parts[2]);
            })
        .toList();
  }

  @ParameterizedTest
  @EnumSource
  void everyKindReachesADensityAndSaysSo(PatternKind kind) {
    long seed = System.nanoTime();
    List<HeadInputs> heads = kind.looksAtInputs() ? heads(seed) : List.of();
    double wanted = 0.5;
    DensitySolver.Solved solved = DensitySolver.solve(small(kind), GRID, heads, wanted);
    assertEquals(wanted, solved.density(), 0.2 * wanted, kind + ", seed " + seed);
    BlockPattern built = PatternSpec.pattern(solved.spec().toString(), GRID);
    assertEquals(kind.word(), built.name());
    assertEquals(
        solved.density(),
        BlockPattern.density(built.selections(GRID, heads)),
        0.02,
        kind + ": what is written down gives another density, seed " + seed);
  }

  @Test
  void aMoreDenseAskIsADenserPattern() {
    double sparse = DensitySolver.solve(small(PatternKind.LVSA), GRID, List.of(), 0.3).density();
    double dense = DensitySolver.solve(small(PatternKind.LVSA), GRID, List.of(), 0.6).density();
    assertTrue(sparse < 0.37 && dense > 0.47, sparse + " and " + dense);
  }

  @Test
  void anOracleRecallsNoLessThanARandomPattern() {
    long seed = System.nanoTime();
    HeadInputs head = heads(seed).getFirst();
    OraclePattern oracle =
        (OraclePattern) PatternSpec.parse("topk:queries=16,keys=16,count=20").build(GRID);
    double[][] mass = oracle.mass(GRID, head);
    BlockMask best = oracle.select(GRID, head).mask();
    BlockMask random =
        ((StaticPattern) PatternSpec.parse("random:block=16,count=20").build(GRID)).mask(GRID);
    assertEquals(best.densityOfTokens(), random.densityOfTokens(), 1e-9);
    assertTrue(kept(mass, best) > kept(mass, random), "seed " + seed);
  }

  private static double kept(double[][] mass, BlockMask mask) {
    double kept = 0;
    for (int row = 0; row < mask.rows(); row++) {
      for (int i = mask.indptr()[row]; i < mask.indptr()[row + 1]; i++) {
        kept += mass[row][mask.indices()[i]];
      }
    }
    return kept;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          radiall                      | unknown pattern radiall, the nearest is radial
          radial:decai=1               | unknown parameter of radial decai, the nearest is decay
          radial:decay                 | a parameter of radial is NAME=VALUE, got decay
          radial:                      | a parameter of radial is NAME=VALUE, got nothing
          radial:decay=1,decay=2       | radial has decay twice
          radial:decay=x               | radial: decay must be a number, got x
          radial:decay=0               | radial: decay must be a number above 0, got 0.0
          radial:block=0               | radial: block must be at least 1, got 0
          radial:block=1.5             | radial: block must be a whole number from 0 on, got 1.5
          radial:family=sora           | radial: family unknown family sora, the nearest is
          radial:dense_steps=120%      | radial: dense_steps must be a whole number or a share such as 20%, got 120%
          sta:tile=2x2                 | sta: tile must be FRAMESxHEIGHTxWIDTH, got 2x2
          sta:window=0x1x1             | sta: window tile frames must be at least 1, got 0
          draft:patch=3x5              | draft needs patches of 3x5 that divide the frame, got 8x16
          strided:offset=9             | strided: offset must be below the stride (8), got 9
          sparge:sink=yes              | sparge: sink must be true or false, got yes
          vsa:sparsity=2               | vsa: sparsity must lie within 0 and 1, got 2.0
          """)
  void badSettingsAreNamed(String text, String message) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> PatternSpec.pattern(text, GRID).selections(GRID, heads(1)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  @Test
  void whatCannotBeReachedIsSaidWithTheNearest() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> DensitySolver.solve(small(PatternKind.RADIAL), GRID, List.of(), 0.01));
    assertTrue(
        e.getMessage()
            .startsWith(
                "radial cannot reach density 0.01 on 12 frames of 8x16 patches: the nearest is 0."),
        e.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> DensitySolver.solve(small(PatternKind.STA), GRID, List.of(), 1.5));
    assertThrows(
        IllegalArgumentException.class,
        () -> DensitySolver.solve(PatternSpec.parse("random:count=3"), GRID, List.of(), 0.5));
  }

  @Test
  void aListIsPartedBetweenPatterns() {
    assertEquals(
        List.of("lvsa", "radial:block=64,decay=0.5", "sta:tile=2x4x4", "topk"),
        PatternSpec.split("lvsa,radial:block=64,decay=0.5,sta:tile=2x4x4,topk"));
    assertEquals(List.of("lvsa", "block=3"), PatternSpec.split("lvsa,block=3"));
  }

  @Test
  void aScheduleCountsStepsAndLayersOrShares() {
    DenseSchedule published = PatternSpec.parse("svg").schedule();
    assertTrue(published.isDense(9, 50, 5, 40));
    assertFalse(published.isDense(10, 50, 1, 40));
    assertTrue(published.isDense(10, 50, 0, 40), "3 % of 40 layers are one");
    DenseSchedule none = PatternSpec.parse("vsa").schedule();
    assertFalse(none.isDense(0, 50, 0, 40));
    assertTrue(PatternSpec.parse("vsa:dense_steps=2").schedule().isDense(1, 50, 7, 40));
  }

  @Test
  void aMaskFromAFileIsTheMask() throws IOException {
    Path file = directory.resolve("mask.json");
    Files.writeString(file, "{\"indptr\": [0, 1, 3], \"indices\": [1, 0, 1], \"block\": 1000}");
    StaticPattern pattern = (StaticPattern) PatternSpec.pattern("file:" + file, GRID);
    BlockMask mask = pattern.mask(GRID);
    assertEquals(2, mask.rows());
    assertFalse(mask.attends(0, 0));
    assertTrue(mask.attends(1, 0));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          []                                                                | an object with indptr and indices was expected
          {"indptr": [0, 1], "indices": [0], "block": 768}                   | indptr must have 3 entries from 0 to the number of indices (1)
          {"indptr": [0, 2, 3], "indices": [1, 0, 1], "block": 768}          | indices of query block 0 must ascend within [0, 2), got 0
          {"indptr": [0, 2, 3], "indices": [1, 1, 1], "block": 768}          | indices of query block 0 must ascend within [0, 2), got 1
          {"indptr": [0, 1, 2], "indices": [0, 2], "block": 768}             | indices of query block 1 must ascend within [0, 2), got 2
          {"indptr": [0, 2, 1], "indices": [0], "block": 768}                | indptr falls at query block 1
          {"indptr": [0, 9, 1], "indices": [0], "block": 768}                | indptr
          {"indptr": [0, 1, 2], "indices": [0, -1], "block": 768}            | indices of query block 1 must ascend within [0, 2), got -1
          {"indptr": [0, 1, 2], "indices": [0, 0.5], "block": 768}           | indices must be a list of integers
          {"indptr": [0, 1, 2], "block": 768}                                | indices must be a list of integers, got nothing
          {"indptr": [0, 1], "indices": [0], "q_sizes": [5], "k_sizes": [5]} | q_sizes must be numbers from 0 on with the sum of the tokens (1536), got [5]
          {"indptr": [0, 1, 2], "indices": [0, 1]}                           | block must be an integer, got nothing
          """)
  void aBadMaskFileIsRefused(String json, String message) throws IOException {
    Path file = Files.writeString(directory.resolve("bad.json"), json);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> ((StaticPattern) PatternSpec.pattern("file:" + file, GRID)).mask(GRID));
    assertTrue(e.getMessage().contains("bad.json: " + message), e.getMessage());
  }
}
