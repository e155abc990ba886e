// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderShape.Stretch;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.profile.ForwardEvent;
import org.lvsa.toolkit.vae.TiledDecode.Window;
import org.lvsa.toolkit.weights.Weights;

/**
 * A decoder on a device: latent frames go there some at a time, and frames come back.
 *
 * @param progress is told of preparations
 */
record VaeOnDevice(DeviceDecoder decoder, DecoderShape shape, Progress progress)
    implements AutoCloseable {

  static VaeOnDevice open(
      DecoderShape shape, Weights weights, DecoderOpening opening, Progress progress) {
    DeviceDecoder decoder = opening.open(shape, (name, to) -> weights.get(name).widen(0, to));
    return new VaeOnDevice(decoder, shape, progress);
  }

  /**
   * Compiles and uploads for latent frames of those sizes where that is not done yet.
   *
   * @param latentFrames of a video
   */
  void prepare(List<FrameSize> sizes, int latentFrames) {
    decoder.prepare(sizes, latentFrames, progress);
  }

  /**
   * Decodes a window of all latent frames.
   *
   * @param latents {@code [channels, frames, height, width]}, the whole video's
   * @param sink takes the frames in order; they are valid during the call only
   */
  void decode(float[] latents, LatentSize size, Window window, Consumer<Volume> sink) {
    FrameSize part = new FrameSize(window.height(), window.width());
    prepare(List.of(part), size.frames());
    List<Stretch> stretches = shape.stretches(size.frames());
    int most = stretches.stream().mapToInt(Stretch::latentFrames).max().orElse(0);
    int mostDecoded = stretches.stream().mapToInt(Stretch::frames).max().orElse(0);
    try (Arena arena = Arena.ofShared()) {
      Volume latent =
          Volume.allocate(arena, most, window.height(), window.width(), size.channels());
      Volume decoded =
          Volume.allocate(
              arena,
              mostDecoded,
              shape.scale() * window.height(),
              shape.scale() * window.width(),
              shape.outChannels());
      int t = 0;
      for (Stretch stretch : stretches) {
        Volume its = latent.frames(0, stretch.latentFrames());
        its.copyFromChannelsFirst(
            latents, size.frames(), t, size.height(), window.top(), size.width(), window.left());
        Volume now = decoded.frames(0, stretch.frames());
        decode(part, t == 0, its.memory(), now.memory());
        sink.accept(now);
        t += stretch.latentFrames();
      }
    }
  }

  /** Decodes latent frames, which is measured by kind of work where that is recorded. */
  private void decode(FrameSize size, boolean first, MemorySegment latents, MemorySegment part) {
    if (!ForwardEvent.recorded()) {
      decoder.decode(size, first, latents, part);
      return;
    }
    try (ForwardEvent event = ForwardEvent.begin(decoder.device())) {
      event.decoded(decoder.kernel(), decoder.measure(size, first, latents, part));
    }
  }

  @Override
  public void close() {
    decoder.close();
  }
}
