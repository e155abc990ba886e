// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

class ElementwiseBytesTest {
  private static TransformerShape shape(
      int layers, int heads, int headDim, int feedForward, BlockShape blocks) {
    return new TransformerShape(
        layers,
        heads,
        headDim,
        feedForward,
        blocks,
        1e-6f,
        TransformerShape.Axes.ofElements(List.of(4, 2, 2)),
        new TransformerShape.Patch(3, 2, 1, 2, 2, TransformerShape.Order.CHANNEL_LAST));
  }

  private static ElementwiseBytes of(
      TransformerShape shape, TransformerVideo video, int elementBytes) {
    return ElementwiseBytes.of(shape, video, elementBytes).orElseThrow();
  }

  /** Two tokens of width 8, fp16: every array that a task reads or writes, one by one. */
  @Test
  void aBlockIsWhatItsTasksReadAndWrite() {
    TransformerVideo video = new TransformerVideo(1, 1, 2, new TransformerVideo.Told(3, 0, 1));
    long stream = 2 * 8 * 4;
    long activation = 2 * 8 * 2;
    long selfIn = stream + activation;
    long norms = 3 * (activation + activation);
    long crossIn = stream + activation + stream + activation;
    long innerIn = stream + activation + stream + activation;
    long innerAdd = stream + activation + stream;
    long textKey = 2 * (3 * 8 * 2);
    ElementwiseBytes floor = of(shape(5, 1, 8, 10, new BlockShape.Cross(true, false)), video, 2);
    assertEquals(selfIn + norms + crossIn + innerIn + innerAdd + textKey, floor.block());
    // Without a norm in between, a task adds and another one reads the stream again.
    long selfAdd = stream + activation + stream;
    long narrow = stream + activation;
    assertEquals(
        selfIn + norms + selfAdd + narrow + innerIn + innerAdd + textKey,
        of(shape(5, 1, 8, 10, new BlockShape.Cross(false, false)), video, 2).block());
    // Eight layers of 8 to 8, one of 8 to 10 and one back, biases; a table of 48, six vectors of 8.
    long halves = 8 * (8 * 8 + 8) + (8 * 10 + 10) + (10 * 8 + 8);
    assertEquals(2 * (2 * halves + 4 * (48 + 6 * 8)), floor.weights());
    // Patches of 4 places with 3 channels in and 2 out, and the head's shift and scale.
    assertEquals(2 * 4 * (2 * 4 * (3 + 2)) + 2 * stream, floor.ends());
    assertEquals(5 * (floor.block() + floor.weights()) + floor.ends(), floor.all());
  }

  @Test
  void picturesAddTheirKeysAndASum() {
    TransformerVideo video = new TransformerVideo(1, 1, 2, new TransformerVideo.Told(3, 5, 1));
    long without = of(shape(1, 1, 8, 10, new BlockShape.Cross(true, false)), video, 4).block();
    long with = of(shape(1, 1, 8, 10, new BlockShape.Cross(true, true)), video, 4).block();
    assertEquals(2 * (5 * 8 * 4) + 3 * (2 * 8 * 4), with - without);
  }

  /** Wan 1.3B, 81 frames of 832x480: what NOTES.md compares with the H100's time. */
  @Test
  void wanHasEightyFiveGigabytes() {
    TransformerShape wan =
        new TransformerShape(
            30,
            12,
            128,
            8960,
            new BlockShape.Cross(true, false),
            1e-6f,
            TransformerShape.Axes.ofElements(List.of(44, 42, 42)),
            new TransformerShape.Patch(16, 16, 1, 2, 2, TransformerShape.Order.CHANNEL_LAST));
    ElementwiseBytes floor = of(wan, new TransformerVideo(21, 30, 52, 512), 2);
    assertEquals(84.6, floor.all() / 1e9, 0.1);
    assertEquals(
        "element-wise: 84.60 GB at least (2.62 GB a block, 0.19 GB its weights), 1128 GB/s, 2.97"
            + " times the floor of 25.3 ms",
        floor.compared(75, ElementwiseBytes.bandwidth("CUDA NVIDIA H100 80GB HBM3 (1:0)")));
    assertEquals(0, ElementwiseBytes.bandwidth("pthread-AMD EPYC"));
  }
}
