// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.vae.TiledDecode.Decoded;
import org.lvsa.toolkit.vae.TiledDecode.Window;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * HunyuanVideo 1.5's video autoencoder: in the published shape it has 32 latent channels, a latent
 * pixel for 16 by 16 pixels, a latent frame for the first frame and for every 4 further ones.
 *
 * <p>The published one takes a whole video at once. All of its layers see earlier frames alone, so
 * this one works on one latent frame at a time and keeps of earlier ones what the layers need: two
 * frames for each convolution, and at the lowest resolution the keys and values of all frames.
 * Weights of 16 bits are widened; all arithmetic is float32. For one thread at a time.
 */
public final class AutoencoderKlHunyuan15 implements AutoCloseable {
  private final HunyuanVaeConfig config;
  private final StretchCoder coder;
  private final WindowDecoder windows = this::decodeWindow;

  /**
   * Takes weights over; they are closed with the autoencoder.
   *
   * @param allowUnused whether the weights may hold tensors that the autoencoder does not have
   * @throws org.lvsa.toolkit.io.MalformedFileException if tensors are missing, have another shape
   *     or are unexpected
   */
  public AutoencoderKlHunyuan15(HunyuanVaeConfig config, Weights weights, boolean allowUnused) {
    weights.check(shapes(config), Set.of(), allowUnused);
    this.config = config;
    coder =
        new StretchCoder(
            weights,
            new StretchCoder.Makers(
                its -> new HunyuanVaeParts(config, VaeLayers.of(its)).decoder(),
                its -> new HunyuanVaeParts(config, VaeLayers.of(its)).encoder()),
            Run.PIECE_BYTES);
  }

  private AutoencoderKlHunyuan15(HunyuanVaeConfig config, StretchCoder coder) {
    this.config = config;
    this.coder = coder;
  }

  /**
   * Opens a published autoencoder.
   *
   * @param allowUnused as for the constructor
   */
  public static AutoencoderKlHunyuan15 open(ComponentFiles files, boolean allowUnused) {
    HunyuanVaeConfig config = HunyuanVaeConfig.read(files.folder());
    Weights weights = Weights.of(files, VaeNames.HUNYUAN, shapes(config));
    try {
      return new AutoencoderKlHunyuan15(config, weights, allowUnused);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The tensors that the autoencoder has. */
  public static TensorShapes shapes(HunyuanVaeConfig config) {
    return HunyuanVaeParts.shapes(config);
  }

  /**
   * Bytes that the weights take while the autoencoder runs: convolutions hold float32 copies in an
   * order of their own, and weights that are not mapped stay beside them.
   */
  public long weightBytes() {
    return coder.weightBytes(shapes(config));
  }

  /** The shape of the autoencoder. */
  public HunyuanVaeConfig config() {
    return config;
  }

  /**
   * Bytes that {@link #decode} takes beside the weights, rounded up. With tiles it is those of one
   * tile, and a temporary file.
   *
   * @param latentFrames of the video: attention sees all of them
   * @param height rows of the decoded frames
   * @param width pixels of a row
   */
  public static long decodeBytes(HunyuanVaeConfig config, int latentFrames, int height, int width) {
    int factor = config.spatialFactor();
    return HunyuanVaeMemory.decodeBytes(
        config, latentFrames, Math.ceilDiv(height, factor), Math.ceilDiv(width, factor));
  }

  /** From the latents of a diffusion model to those of the decoder: {@code latents / scale}. */
  public float[] denormalise(float[] latents) {
    float[] scaled = latents.clone();
    for (int e = 0; e < scaled.length; e++) {
      scaled[e] /= (float) config.scale();
    }
    return scaled;
  }

  /** From the encoder's latents to those of a diffusion model: {@code latents · scale}. */
  public float[] normalise(float[] latents) {
    float[] scaled = latents.clone();
    for (int e = 0; e < scaled.length; e++) {
      scaled[e] *= (float) config.scale();
    }
    return scaled;
  }

  /** The decoder's sizes, as devices know it. */
  public DecoderShape decoderShape() {
    return DecoderShapes.of(config);
  }

  /**
   * Decodes on a device from now on. Frames of another size, or a video of another length, make
   * that ready again when they come.
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
    coder.prepareDevice(Tiling.sizes(tiling, size, 1, config.spatialFactor()), size.frames());
  }

  /**
   * Decodes latents to frames, about from −1 to 1: the decoder does not cut them off.
   *
   * @param latents {@code [channels, frames, height, width]}, after {@link #denormalise}
   * @param sink takes the frames as soon as they are there
   */
  public void decode(float[] latents, LatentSize size, FrameSink sink) {
    decode(latents, size, sink, Observer.NONE);
  }

  void decode(float[] latents, LatentSize size, FrameSink sink, Observer observer) {
    size.check(latents, config.latentChannels());
    windows.whole(latents, size, observer, sink);
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
    windows.tiled(latents, size, tiling, decoded(size), sink);
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
    return windows.onRanks(latents, size, cut, decoded(size), ranks);
  }

  private Decoded decoded(LatentSize size) {
    return new Decoded(
        config.frames(size.frames()), config.spatialFactor(), HunyuanVaeConfig.COLOURS);
  }

  /**
   * The same autoencoder for another rank of this process, which decodes at the same time. Weights
   * are shared and stay this one's to close.
   */
  public AutoencoderKlHunyuan15 sharing() {
    return new AutoencoderKlHunyuan15(config, coder.sharing());
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
    LatentSize size = latentSize(frames, height, width);
    return coder.encode(
        source,
        size,
        StretchCoder.oneByOne(size, config.temporalFactor()),
        height,
        width,
        observer);
  }

  private LatentSize latentSize(int frames, int height, int width) {
    LatentSize.requireFrames(frames);
    return LatentSize.ofVideo(
        config.latentChannels(),
        config.latentFrames(frames),
        config.spatialFactor(),
        height,
        width);
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
