// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** When weights that stay in the host's memory are written, sent and taken. No device is needed. */
class OffloadedBlocksTest {
  private static final TransformerShape SHAPE =
      RandomTransformer.shape(new BlockShape.Cross(true, false), 4, 1, 12, 16, 3, 2);

  private final FloatActivations activations = new FloatActivations();
  private final OffloadedBlocks<FloatArray> blocks =
      new OffloadedBlocks<>(
          SHAPE,
          // Every number of a block's weights is the block's number.
          BlockWeights.read(
              SHAPE, (name, to) -> fill(to, Integer.parseInt(name.split("\\.")[1])), activations),
          activations);

  private final List<String> ran = new ArrayList<>();
  private final DevicePass pass =
      new DevicePass(
          SHAPE.layers(),
          Optional.of(blocks),
          Optional.empty(),
          new KeptOutputs<>(SHAPE, new TransformerVideo(1, 1, 1, 1), activations),
          this::run);

  private static void fill(MemorySegment to, int number) {
    for (long at = 0; at < to.byteSize(); at += Float.BYTES) {
      to.set(ValueLayout.JAVA_FLOAT, at, number);
    }
  }

  /** What is in the arrays that are sent: the number of a block, or -1 while they are mixed. */
  private int sent() {
    float first = ((FloatArray) blocks.arriving().arrays()[0]).get(0);
    for (Object array : blocks.arriving().arrays()) {
      FloatArray numbers = (FloatArray) array;
      for (int i = 0; i < numbers.getSize(); i++) {
        if (numbers.get(i) != first) {
          return -1;
        }
      }
    }
    return (int) first;
  }

  private void run(Stage stage) {
    if (stage == Stage.BLOCK) {
      int next = (last() + 1) % SHAPE.layers();
      // The block is not done before the next one's weights are written.
      while (sent() != next) {
        LockSupport.parkNanos(100_000);
      }
    }
    ran.add(stage + " " + sent());
  }

  /** The block whose weights were taken last. */
  private int last() {
    return Integer.parseInt(ran.getLast().split(" ")[1]);
  }

  private List<String> ofBlock(int block) {
    return List.of("FETCH " + block, "TAKE " + block, "BLOCK " + (block + 1) % SHAPE.layers());
  }

  @Test
  void theNextBlocksWeightsAreWrittenWhileABlockRuns() {
    assertTimeoutPreemptively(Duration.ofMinutes(2), () -> BlockLoop.ALL.run(pass));
    List<String> expected = new ArrayList<>();
    for (int block = 0; block < SHAPE.layers(); block++) {
      expected.addAll(ofBlock(block));
    }
    assertEquals(expected, ran);
  }

  @Test
  void blocksThatAreLeftOutAreNotSent() {
    assertTimeoutPreemptively(
        Duration.ofMinutes(2),
        () -> {
          for (int block : new int[] {0, 3, 3, 1}) {
            pass.run(block);
          }
        });
    List<String> expected = new ArrayList<>();
    for (int block : new int[] {0, 3, 3, 1}) {
      expected.addAll(ofBlock(block));
    }
    assertEquals(expected, ran);
  }
}
