// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.vae.TiledDecode.Window;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * What the autoencoders of all families do alike: they work on a stretch of video at a time, with
 * parts that are made of the weights when they are first needed. For one thread at a time.
 */
final class StretchCoder implements AutoCloseable {
  private static final int COLOURS = 3;

  private final Weights weights;
  private final Makers makers;
  private final long pieceBytes;
  private final boolean ownsWeights;
  private StretchDecoder decoder;
  private StretchEncoder encoder;
  private Optional<VaeOnDevice> device = Optional.empty();

  /** How a family's parts are made of weights. */
  record Makers(
      Function<Weights, StretchDecoder> decoder, Function<Weights, StretchEncoder> encoder) {}

  /**
   * Takes weights over; they are closed with it.
   *
   * @param pieceBytes frames of no more bytes are normed and convolved together
   */
  StretchCoder(Weights weights, Makers makers, long pieceBytes) {
    this(weights, makers, pieceBytes, true);
  }

  private StretchCoder(Weights weights, Makers makers, long pieceBytes, boolean ownsWeights) {
    this.weights = weights;
    this.makers = makers;
    this.pieceBytes = pieceBytes;
    this.ownsWeights = ownsWeights;
  }

  /** Another one of the same weights, which stay this one's to close. */
  StretchCoder sharing() {
    return new StretchCoder(weights, makers, pieceBytes, false);
  }

  /** The weights, as they are stored. */
  Weights weights() {
    return weights;
  }

  /**
   * Bytes that the weights take while the autoencoder runs: convolutions hold float32 copies in an
   * order of their own, and weights that are not mapped stay beside them.
   */
  long weightBytes(TensorShapes shapes) {
    return shapes.floatBytes() + weights.bytesBesideCopies();
  }

  /** Stretches of one latent frame. */
  static List<Integer> oneByOne(LatentSize size) {
    return Stream.generate(() -> 1).limit(size.frames()).toList();
  }

  /** The frames that latent frames stand for, each a stretch: the first one for one frame. */
  static List<Integer> oneByOne(LatentSize size, int temporalFactor) {
    return Stream.iterate(1, previous -> temporalFactor).limit(size.frames()).toList();
  }

  /**
   * Decodes on a device from now on.
   *
   * @param progress is told how far preparations are, now and later
   */
  void decodeOnDevice(DecoderShape shape, DecoderOpening opening, Progress progress) {
    device = Optional.of(VaeOnDevice.open(shape, weights, opening, progress));
  }

  /** Makes the device ready for windows of those sizes, if there is a device. */
  void prepareDevice(List<FrameSize> sizes, int latentFrames) {
    device.ifPresent(one -> one.prepare(sizes, latentFrames));
  }

  /**
   * Decodes a window of all latent frames, where it is to be decoded.
   *
   * @param stretches latent frames at a time
   * @param sink takes the frames in order; they are valid during the call only
   */
  void decode(
      float[] latents,
      LatentSize size,
      Window window,
      List<Integer> stretches,
      Observer observer,
      Consumer<Volume> sink) {
    if (device.isPresent()) {
      device.get().decode(latents, size, window, sink);
      return;
    }
    if (decoder == null) {
      decoder = makers.decoder().apply(weights);
    }
    try (Run run = new Run(decoder.slots(), observer, "dec", pieceBytes)) {
      int t = 0;
      for (int count : stretches) {
        Volume stretch =
            run.workspace.take(count, window.height(), window.width(), size.channels());
        stretch.copyFromChannelsFirst(
            latents, size.frames(), t, size.height(), window.top(), size.width(), window.left());
        t += count;
        Volume frames = decoder.decode(run, stretch);
        sink.accept(frames);
        run.workspace.give(frames);
      }
    }
  }

  /**
   * Encodes a video.
   *
   * @param size of the latents
   * @param stretches frames at a time
   * @param height rows of a frame
   * @param width pixels of a row
   */
  Moments encode(
      FrameSource source,
      LatentSize size,
      List<Integer> stretches,
      int height,
      int width,
      Observer observer) {
    if (encoder == null) {
      encoder = makers.encoder().apply(weights);
    }
    float[] both = new float[Math.multiplyExact(2, size.elements())];
    try (Run run = new Run(encoder.slots(), observer, "enc", pieceBytes)) {
      int first = 0;
      int t = 0;
      for (int count : stretches) {
        Volume stretch = run.workspace.take(count, height, width, COLOURS);
        source.read(first, stretch);
        first += count;
        Volume moments = encoder.encode(run, stretch);
        moments.copyToChannelsFirst(both, size.frames(), t);
        t += moments.frames();
        run.workspace.give(moments);
      }
    }
    return Moments.of(size, both);
  }

  /** Frees the encoder until it is needed again. */
  void freeEncoder() {
    if (encoder != null) {
      encoder.close();
      encoder = null;
    }
  }

  @Override
  public void close() {
    device.ifPresent(VaeOnDevice::close);
    if (decoder != null) {
      decoder.close();
    }
    freeEncoder();
    if (ownsWeights) {
      weights.close();
    }
  }
}
