// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.vae.TiledDecode.Decoded;
import org.lvsa.toolkit.vae.TiledDecode.Window;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * Wan's video autoencoder: in the published shape of Wan 2.1 it has 16 latent channels, a latent
 * pixel for 8 by 8 pixels, a latent frame for the first frame and for every 4 further ones. Wan 2.2
 * TI2V has 48 channels and 16 by 16 pixels.
 *
 * <p>It works on a stretch of video at a time and keeps of earlier stretches what its causal
 * convolutions need, so that memory does not grow with the length of the video. Weights of 16 bits
 * are widened; all arithmetic is float32. For one thread at a time.
 */
public final class AutoencoderKlWan implements AutoCloseable {
  private final WanVaeConfig config;
  private final StretchCoder coder;
  private final WindowDecoder windows = this::decodeWindow;

  /**
   * Takes checked weights over; they are closed with the autoencoder.
   *
   * @param allowUnused whether the weights may hold tensors that the autoencoder does not have
   * @throws org.lvsa.toolkit.io.MalformedFileException if tensors are missing, have another shape
   *     or are unexpected
   */
  public AutoencoderKlWan(WanVaeConfig config, Weights weights, boolean allowUnused) {
    weights.check(shapes(config), Set.of(), allowUnused);
    this.config = config;
    coder =
        new StretchCoder(
            weights,
            new StretchCoder.Makers(
                its -> new WanVaeParts(config, VaeLayers.of(its)).decoder(),
                its -> new WanVaeParts(config, VaeLayers.of(its)).encoder()),
            Run.PIECE_BYTES);
  }

  private AutoencoderKlWan(WanVaeConfig config, StretchCoder coder) {
    this.config = config;
    this.coder = coder;
  }

  /**
   * Opens a published autoencoder.
   *
   * @param allowUnused as for the constructor
   */
  public static AutoencoderKlWan open(ComponentFiles files, boolean allowUnused) {
    WanVaeConfig config = WanVaeConfig.read(files.folder());
    Weights weights = Weights.of(files, VaeNames.wan(config), shapes(config));
    try {
      return new AutoencoderKlWan(config, weights, allowUnused);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The tensors that the autoencoder has. */
  public static TensorShapes shapes(WanVaeConfig config) {
    return WanVaeParts.shapes(config);
  }

  /**
   * Bytes that the weights take while the autoencoder runs: convolutions hold float32 copies in an
   * order of their own, and weights that are not mapped stay beside them.
   */
  public long weightBytes() {
    return coder.weightBytes(shapes(config));
  }

  /** The shape of the autoencoder. */
  public WanVaeConfig config() {
    return config;
  }

  /** The size of the latents of a video. */
  public LatentSize latentSize(int frames, int height, int width) {
    return LatentSize.ofVideo(
        config.latentChannels(),
        config.latentFrames(frames),
        config.spatialFactor(),
        height,
        width);
  }

  /**
   * Bytes that {@link #decode} takes beside the weights, rounded up; they do not depend on the
   * number of frames. With tiles it is those of one tile, and a temporary file.
   *
   * @param height rows of the decoded frames
   * @param width pixels of a row
   */
  public static long decodeBytes(WanVaeConfig config, int height, int width) {
    int factor = config.spatialFactor();
    return WanVaeMemory.decodeBytes(
        config, Math.ceilDiv(height, factor), Math.ceilDiv(width, factor));
  }

  /**
   * Bytes that {@link #encode} takes beside the weights, rounded up; they do not depend on the
   * number of frames.
   *
   * @param height rows of a frame
   * @param width pixels of a row
   */
  public static long encodeBytes(WanVaeConfig config, int height, int width) {
    return WanVaeMemory.encodeBytes(config, height / config.patch(), width / config.patch());
  }

  /**
   * From the latents of a diffusion model, of mean 0 and deviation 1, to those of the decoder:
   * {@code latents / (1 / std) + mean}, as the published pipeline computes it.
   *
   * @param latents {@code [channels, …]}
   */
  public float[] denormalise(float[] latents) {
    return scaled(latents, false);
  }

  /** From the encoder's latents to those of a diffusion model: {@code (x − mean) · (1 / std)}. */
  public float[] normalise(float[] latents) {
    return scaled(latents, true);
  }

  private float[] scaled(float[] latents, boolean normalise) {
    int channels = config.latentChannels();
    if (latents.length % channels != 0) {
      throw new IllegalArgumentException(
          latents.length + " elements do not divide into " + channels + " latent channels");
    }
    int size = latents.length / channels;
    float[] scaled = new float[latents.length];
    for (int c = 0; c < channels; c++) {
      float mean = config.latentsMean().get(c).floatValue();
      float reciprocal = 1 / config.latentsStd().get(c).floatValue();
      for (int e = c * size; e < (c + 1) * size; e++) {
        scaled[e] = normalise ? (latents[e] - mean) * reciprocal : latents[e] / reciprocal + mean;
      }
    }
    return scaled;
  }

  /** The decoder's sizes, as devices know it. */
  public DecoderShape decoderShape() {
    return DecoderShapes.of(config);
  }

  /**
   * Decodes on a device from now on. Frames of another size make that ready again when they come.
   *
   * @param progress is told how far preparations are, now and later
   */
  public void decodeOnDevice(DecoderOpening opening, Progress progress) {
    coder.decodeOnDevice(decoderShape(), opening, progress);
  }

  /**
   * Makes the device ready for latents of a size, if there is a device: for whole frames, or for
   * all tiles at once, so that none of them makes the others' preparations again.
   *
   * @param tiling how frames are cut into tiles; empty to decode them whole
   */
  public void prepareDevice(LatentSize size, Optional<Tiling> tiling) {
    List<FrameSize> sizes = Tiling.sizes(tiling, size, config.patch(), decoded(size).scale());
    coder.prepareDevice(sizes, size.frames());
  }

  /**
   * Decodes latents to frames, clamped to −1 … 1.
   *
   * @param latents {@code [channels, frames, height, width]}, after {@link #denormalise}
   * @param sink takes the frames as soon as they are there
   */
  public void decode(float[] latents, LatentSize size, FrameSink sink) {
    decode(latents, size, sink, Observer.NONE);
  }

  void decode(float[] latents, LatentSize size, FrameSink sink, Observer observer) {
    size.check(latents, config.latentChannels());
    try (Pixels pixels = new Pixels(config.patch(), sink)) {
      windows.whole(latents, size, observer, pixels);
    }
  }

  private void decodeWindow(
      float[] latents, LatentSize size, Window window, Observer observer, Consumer<Volume> sink) {
    coder.decode(latents, size, window, StretchCoder.oneByOne(size), observer, sink);
  }

  /**
   * Decodes large frames in tiles: one after another, each over all frames, into a temporary file;
   * then the frames are put together. Frames no larger than a tile are decoded whole.
   *
   * @param latents {@code [channels, frames, height, width]}, after {@link #denormalise}
   * @param sink takes the frames, one at a time, after the last tile
   */
  public void decodeTiled(float[] latents, LatentSize size, Tiling tiling, FrameSink sink) {
    size.check(latents, config.latentChannels());
    prepareDevice(size, Optional.of(tiling));
    try (Pixels pixels = new Pixels(config.patch(), sink)) {
      windows.tiled(latents, size, tiling.inPatches(config.patch()), decoded(size), pixels);
    }
  }

  /** What the decoder makes of latents: patches of pixels. */
  private Decoded decoded(LatentSize size) {
    return new Decoded(
        config.frames(size.frames()),
        config.spatialFactor() / config.patch(),
        config.patchChannels());
  }

  /**
   * Decodes large frames in tiles, or frames in patches, that ranks divide among them, each over
   * all frames. Every rank has to call it.
   *
   * @param latents {@code [channels, frames, height, width]}, after {@link #denormalise}, the same
   *     on every rank
   * @return the tiles, on the first rank
   */
  public DecodedTiles decodeTiles(
      float[] latents, LatentSize size, FrameCut cut, Communicator ranks) {
    size.check(latents, config.latentChannels());
    FrameCut own = cut instanceof Tiling tiling ? tiling.inPatches(config.patch()) : cut;
    return Pixels.of(config.patch(), windows.onRanks(latents, size, own, decoded(size), ranks));
  }

  /**
   * The same autoencoder for another rank of this process, which decodes at the same time. Weights
   * are shared and stay this one's to close.
   */
  public AutoencoderKlWan sharing() {
    return new AutoencoderKlWan(config, coder.sharing());
  }

  /**
   * Encodes a video. Frames that fill no latent frame are left out at the end.
   *
   * @param frames number of frames
   * @param height rows of a frame, a multiple of the spatial factor
   * @param width pixels of a row, likewise
   */
  public Moments encode(FrameSource source, int frames, int height, int width) {
    return encode(source, frames, height, width, Observer.NONE);
  }

  Moments encode(FrameSource source, int frames, int height, int width, Observer observer) {
    LatentSize.requireFrames(frames);
    LatentSize size = latentSize(frames, height, width);
    try {
      return coder.encode(
          source,
          size,
          StretchCoder.oneByOne(size, config.temporalFactor()),
          height,
          width,
          observer);
    } finally {
      // A generation encodes pictures once and needs the memory afterwards.
      coder.freeEncoder();
    }
  }

  /** The weights, as they are stored. */
  public Weights weights() {
    return coder.weights();
  }

  @Override
  public void close() {
    coder.close();
  }
}
