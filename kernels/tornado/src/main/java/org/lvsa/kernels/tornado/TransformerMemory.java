// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerBackend.Need;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/** The device memory of a {@link TransformerPlan}, computed before anything is allocated. */
final class TransformerMemory {
  private TransformerMemory() {}

  /** With attention by kernels in Java. */
  static List<Need> of(
      TransformerShape shape,
      TransformerVideo video,
      Activations<?> activations,
      Residence residence) {
    return of(
        shape,
        video,
        activations,
        residence,
        attention(DeviceAttention.Sizes.of(shape, video), activations));
  }

  /**
   * With any attention.
   *
   * @param attention bytes of its buffers
   */
  static List<Need> of(
      TransformerShape shape,
      TransformerVideo video,
      Activations<?> activations,
      Residence residence,
      long attention) {
    long width = shape.width();
    long tokens = video.tokens();
    long streams = (tokens + video.jointTokens(shape)) * width;
    long block = BlockTensors.of(shape).bytes(activations.bytes());
    long blocks = shape.layers() * block;
    long patch =
        (long) (shape.patch().inChannels() + shape.patch().outChannels()) * shape.patch().size();
    long ends = (patch * (width + 1) + width) * Float.BYTES;
    // One block's weights are there a second time, in the buffers that its kernels read.
    long weights = ends + block + (residence == Residence.TWO_BLOCKS ? block : blocks);
    long inner =
        switch (shape.blocks()) {
          case BlockShape.Cross _ -> CrossBlock.elements(shape, video);
          case BlockShape.Joint _ -> JointBlock.elements(shape, video);
          case BlockShape.Shared _ -> SharedBlock.elements(shape, video);
        };
    long activationBytes =
        inner * activations.bytes() + (streams + 2 * tokens * patch) * Float.BYTES;
    List<Need> needs = new ArrayList<>();
    needs.add(
        new Need(
            residence == Residence.TWO_BLOCKS
                ? "weights of 2 of " + shape.layers() + " blocks"
                : "weights",
            weights));
    needs.add(new Need("activations", activationBytes));
    needs.add(new Need("attention", attention));
    if (video.kept() > 0) {
      needs.add(new Need("step cache", video.kept() * streams * Float.BYTES));
    }
    if (!video.outputs().isEmpty()) {
      needs.add(
          new Need("attention broadcast", KeptOutputs.bytes(shape, video, activations.bytes())));
    }
    return needs;
  }

  private static long attention(DeviceAttention.Sizes sizes, Activations<?> activations) {
    AttentionShape self = sizes.self();
    long result = (self.queryElements() + self.logSumExpElements()) * Float.BYTES;
    return switch (activations) {
      case FloatActivations _ ->
          result + QueryTiles.bytes(self, TileRoom.forFrames(self, PortableKernel.QUERIES));
      case SixteenBits halves ->
          // The blocked keys and values and the transposed keys, of the video and of the text.
          RegisterProgram.bytes(
                  self, halves.dtype(), RegisterProgram.Room.forFrames(self, halves.dtype()))
              - (self.queryElements() + 2 * self.keyElements()) * Short.BYTES
              + 4L
                  * (sizes.textTokens() + sizes.pictureTokens())
                  * self.heads()
                  * RegisterKernels.valueElements(self.headDim())
                  * Short.BYTES;
    };
  }
}
