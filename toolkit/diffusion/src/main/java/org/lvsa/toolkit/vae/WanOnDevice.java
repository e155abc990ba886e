// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.profile.ForwardEvent;
import org.lvsa.toolkit.vae.TiledDecode.Window;
import org.lvsa.toolkit.weights.Weights;

/**
 * Wan's decoder on a device: latent frames go there one at a time, and frames come back.
 *
 * @param scale rows, and columns, that one of the latents becomes
 * @param frames that every latent frame but the first becomes
 * @param progress is told of preparations
 */
record WanOnDevice(DeviceDecoder decoder, int scale, int frames, int channels, Progress progress)
    implements AutoCloseable {

  static WanOnDevice open(
      WanVaeConfig config, Weights weights, AutoencoderKlWan.Opening opening, Progress progress) {
    DecoderShape shape = shape(config);
    DeviceDecoder decoder = opening.open(shape, (name, to) -> weights.get(name).widen(0, to));
    return new WanOnDevice(decoder, shape.scale(), shape.frames(), shape.outChannels(), progress);
  }

  /** The decoder as devices know it. */
  static DecoderShape shape(WanVaeConfig config) {
    List<Integer> multiples = config.dimMultiples().reversed();
    List<Boolean> temporal = config.temporalDownsample().reversed();
    List<DecoderShape.Level> levels = new ArrayList<>();
    for (int level = 0; level < multiples.size(); level++) {
      int channels = config.decoderBaseDim() * multiples.get(level);
      Optional<DecoderShape.Up> up = Optional.empty();
      if (level < multiples.size() - 1) {
        up =
            Optional.of(
                new DecoderShape.Up(
                    config.residual() ? channels : channels / 2,
                    temporal.get(level),
                    config.residual()));
      }
      levels.add(new DecoderShape.Level(channels, config.resnets() + 1, up));
    }
    return new DecoderShape(
        config.latentChannels(),
        config.decoderBaseDim() * multiples.getFirst(),
        levels,
        config.patchChannels());
  }

  /** Compiles and uploads for latent frames of those sizes where that is not done yet. */
  void prepare(List<FrameSize> sizes) {
    decoder.prepare(sizes, progress);
  }

  /**
   * Decodes a window of all latent frames.
   *
   * @param latents {@code [channels, frames, height, width]}, the whole video's
   * @param sink takes the frames in order; they are valid during the call only
   */
  void decode(float[] latents, LatentSize size, Window window, Consumer<Volume> sink) {
    FrameSize part = new FrameSize(window.height(), window.width());
    prepare(List.of(part));
    try (Arena arena = Arena.ofShared()) {
      Volume latent = Volume.allocate(arena, 1, window.height(), window.width(), size.channels());
      Volume decoded =
          Volume.allocate(arena, frames, scale * window.height(), scale * window.width(), channels);
      for (int t = 0; t < size.frames(); t++) {
        latent.copyFromChannelsFirst(
            latents, size.frames(), t, size.height(), window.top(), size.width(), window.left());
        Volume now = decoded.frames(0, t == 0 ? 1 : frames);
        decode(part, t == 0, latent.memory(), now.memory());
        sink.accept(now);
      }
    }
  }

  /** Decodes a latent frame, which is measured by kind of work where that is recorded. */
  private void decode(FrameSize size, boolean first, MemorySegment latent, MemorySegment part) {
    if (!ForwardEvent.recorded()) {
      decoder.decode(size, first, latent, part);
      return;
    }
    try (ForwardEvent event = ForwardEvent.begin(decoder.device())) {
      event.decoded(decoder.kernel(), decoder.measure(size, first, latent, part));
    }
  }

  @Override
  public void close() {
    decoder.close();
  }
}
