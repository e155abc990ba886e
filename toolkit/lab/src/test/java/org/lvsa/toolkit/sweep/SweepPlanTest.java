// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.model.Models;

class SweepPlanTest {
  private static final InputSource MOVING = new InputSource.Moving();

  private static SweepPlan plan(SweepSettingsBuilder settings) {
    return SweepPlan.of(settings.build(), MOVING);
  }

  @Test
  void everyCellHasAKeyOfItsOwn() {
    SweepPlan plan =
        plan(
            SweepSettings.defaults()
                .models(List.of("wan2.1-1.3b", "cogvideox1.5-5b"))
                .resolutions(List.of("832x480", "480x832"))
                .frames(List.of(81, 161))
                .backends(List.of("vector", "nd4j")));
    Set<Cell> keys = new HashSet<>();
    plan.groups().forEach(group -> keys.addAll(group.cells()));
    assertEquals(2 * 2 * 2 * 2 * 3, plan.cells());
    assertEquals(plan.cells(), keys.size());
    Cell one = plan.groups().getFirst().cells().getFirst();
    assertEquals(plan.cells() - 1, plan.without(Set.of(one)).cells());
  }

  @ParameterizedTest
  @CsvSource({
    "82, the frames of wan2.1-1.3b must be 1 more than a multiple of 4: 81 or 85",
    "80, the frames of wan2.1-1.3b must be 1 more than a multiple of 4: 77 or 81"
  })
  void lengthsThatAModelDoesNotTakeAreRefused(int frames, String message) {
    String said =
        assertThrows(
                IllegalArgumentException.class,
                () -> plan(SweepSettings.defaults().frames(List.of(81, frames))))
            .getMessage();
    assertTrue(said.contains(message), said);
  }

  @Test
  void roundingIsNotedAndWhatItMakesEqualIsMeasuredOnce() {
    SweepPlan plan =
        plan(
            SweepSettings.defaults()
                .resolutions(List.of("854x480"))
                .frames(List.of(81, 82))
                .round(true));
    assertEquals(1, plan.groups().size());
    Geometry geometry = plan.groups().getFirst().geometry();
    assertEquals("848x480", geometry.resolution());
    assertEquals("resolution rounded from 854x480", geometry.remark());
    Geometry other =
        plan(SweepSettings.defaults().frames(List.of(82)).round(true))
            .groups()
            .getFirst()
            .geometry();
    assertEquals(81, other.frames());
    assertEquals("frames rounded from 82", other.remark());
  }

  @Test
  void latentFramesOfCogVideoX15StandForEightVideoFrames() {
    Geometry geometry =
        plan(SweepSettings.defaults().models(List.of("cogvideox1.5-5b")).latentFrames(List.of(11)))
            .groups()
            .getFirst()
            .geometry();
    assertEquals(81, geometry.frames());
  }

  @Test
  void aShortVideoGetsTheLengthsThatItHas() {
    var wan = Models.named("wan2.1-1.3b");
    assertEquals(
        List.of(81, 161, 257), SweepSettings.lengthsWithin(List.of(81, 161, 321), 257, wan));
    assertEquals(
        List.of(81, 161, 321), SweepSettings.lengthsWithin(List.of(81, 161, 321), 333, wan));
    assertEquals(List.of(17), SweepSettings.lengthsWithin(List.of(81, 161, 321), 20, wan));
    assertEquals(List.of(81), SweepSettings.lengthsWithin(List.of(81, 161), 83, wan));
    assertEquals(
        List.of(9), SweepSettings.lengthsWithin(List.of(81), 16, Models.named("cogvideox1.5-5b")));
  }

  // ---- memory

  private static MemoryNeed need(int batch, int frames, int patches, String backend) {
    AttentionShape shape = new AttentionShape(batch, frames, patches, 0, 12, 12, 128);
    return MemoryNeed.of(shape, DType.F32, MOVING, backend, (long) frames * 30);
  }

  @Test
  void everyBufferCounts() {
    AttentionShape shape = new AttentionShape(1, 21, 1560, 0, 12, 12, 128);
    long tensor = shape.queryElements() * 4;
    MemoryNeed random =
        MemoryNeed.of(shape, DType.F32, new InputSource.RandomNumbers(), "vector", 0);
    // Query, key, value and two outputs, and little for the kernel's tiles.
    assertTrue(random.totalBytes() >= 5 * tensor && random.totalBytes() < 5.5 * tensor);
    assertEquals(0, random.heapBytes());
    MemoryNeed made = MemoryNeed.of(shape, DType.F32, MOVING, "vector", 0);
    assertTrue(made.heapBytes() >= 21L * 1560 * 8 * 8 * 3 * 4, "the features of the input maker");
    long head = 21L * 1560 * 128 * 4;
    assertTrue(
        need(1, 21, 1560, "nd4j").totalBytes()
            >= need(1, 21, 1560, "reference").totalBytes() + 6 * head,
        "ND4J's copies of one head");
    assertTrue(
        need(1, 21, 1560, "tornado").totalBytes()
            >= need(1, 21, 1560, "vector").totalBytes() + 3 * tensor,
        "staging of the device's buffers");
  }

  @Test
  void largeNeedsDoNotOverflow() {
    for (String backend : List.of("reference", "vector", "nd4j", "tornado")) {
      for (int batch : new int[] {1 << 20, 1 << 27}) {
        MemoryNeed need = need(batch, 1000, 1000, backend);
        assertTrue(need.totalBytes() > 1L << 50, backend + " " + need);
        assertFalse(need.fits(1L << 45));
      }
    }
  }

  @Test
  void theHeapIsJudgedOnItsOwn() {
    long heap = Runtime.getRuntime().maxMemory();
    assertFalse(new MemoryNeed(heap + 1, heap + 1).fits(Long.MAX_VALUE));
    assertTrue(new MemoryNeed(heap + 1, 0).fits(Long.MAX_VALUE));
  }

  @Test
  void planningAnEndlessVideoAllocatesNothing() {
    // Dense rows of 50,000 frames would be 10 GB of indices.
    SweepPlan plan =
        plan(
            SweepSettings.defaults()
                .latentFrames(List.of(50_000, 10_000_000))
                .patchesPerFrame(List.of(1))
                .window(1_000_000));
    assertTrue(plan.groups().getLast().need().totalBytes() > 1L << 45);
    assertEquals(List.of(), plan.fitting(1L << 30));
  }
}
