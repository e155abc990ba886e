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
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * CogVideoX's video autoencoder (Yang et al., "CogVideoX: Text-to-Video Diffusion Models with An
 * Expert Transformer", 2024): causal in time, with norms over each stretch of frames that is worked
 * on at a time, and a decoder whose norms see the latents.
 *
 * <p>Stretches are part of the model, since the norms are taken over them: two latent frames, and
 * three in the first stretch where their number is odd. Memory does not grow with the length of the
 * video. Weights of 16 bits are widened; all arithmetic is float32. For one thread at a time.
 */
public final class AutoencoderKlCogVideoX implements AutoCloseable {
  private final CogVideoXVaeConfig config;
  private final StretchCoder coder;
  private final WindowDecoder windows = this::decodeWindow;

  /**
   * Takes checked weights over; they are closed with the autoencoder.
   *
   * @param allowUnused whether the weights may hold tensors that the autoencoder does not have
   * @throws org.lvsa.toolkit.io.MalformedFileException if tensors are missing, have another shape
   *     or are unexpected
   */
  public AutoencoderKlCogVideoX(CogVideoXVaeConfig config, Weights weights, boolean allowUnused) {
    this(config, weights, allowUnused, Run.PIECE_BYTES);
  }

  AutoencoderKlCogVideoX(
      CogVideoXVaeConfig config, Weights weights, boolean allowUnused, long pieceBytes) {
    weights.check(shapes(config), Set.of(), allowUnused);
    this.config = config;
    coder =
        new StretchCoder(
            weights,
            new StretchCoder.Makers(
                its -> new CogVideoXVaeParts(config, VaeLayers.of(its)).decoder(),
                its -> new CogVideoXVaeParts(config, VaeLayers.of(its)).encoder()),
            pieceBytes);
  }

  private AutoencoderKlCogVideoX(CogVideoXVaeConfig config, StretchCoder coder) {
    this.config = config;
    this.coder = coder;
  }

  /**
   * Opens a published autoencoder.
   *
   * @param allowUnused as for the constructor
   */
  public static AutoencoderKlCogVideoX open(ComponentFiles files, boolean allowUnused) {
    CogVideoXVaeConfig config = CogVideoXVaeConfig.read(files.folder());
    Weights weights = Weights.of(files, VaeNames.cogVideoX(config), shapes(config));
    try {
      return new AutoencoderKlCogVideoX(config, weights, allowUnused);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The tensors that the autoencoder has. */
  public static TensorShapes shapes(CogVideoXVaeConfig config) {
    return CogVideoXVaeParts.shapes(config);
  }

  /**
   * Bytes that the weights take while the autoencoder runs: convolutions hold float32 copies in an
   * order of their own, and weights that are not mapped stay beside them.
   */
  public long weightBytes() {
    return coder.weightBytes(shapes(config));
  }

  /** The shape of the autoencoder. */
  public CogVideoXVaeConfig config() {
    return config;
  }

  /**
   * Bytes that {@link #decode} takes beside the weights, rounded up.
   *
   * @param latentFrames of the video: the first stretch has at most three of them
   * @param height rows of the decoded frames
   * @param width pixels of a row
   */
  public static long decodeBytes(
      CogVideoXVaeConfig config, int latentFrames, int height, int width) {
    return CogVideoXVaeMemory.decodeBytes(config, latentFrames, height, width);
  }

  /**
   * From the latents of a diffusion model to those of the decoder: over the scaling factor, as the
   * published pipeline computes it.
   */
  public float[] denormalise(float[] latents) {
    float factor = (float) (1 / config.scalingFactor());
    float[] scaled = latents.clone();
    for (int e = 0; e < scaled.length; e++) {
      scaled[e] *= factor;
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
      float[] latents,
      LatentSize size,
      TiledDecode.Window window,
      Observer observer,
      Consumer<Volume> sink) {
    coder.decode(
        latents, size, window, CogVideoXVaeConfig.stretches(size.frames()), observer, sink);
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
        config.frames(size.frames()), config.spatialFactor(), CogVideoXVaeConfig.COLOURS);
  }

  /**
   * The same autoencoder for another rank of this process, which decodes at the same time. Weights
   * are shared and stay this one's to close.
   */
  public AutoencoderKlCogVideoX sharing() {
    return new AutoencoderKlCogVideoX(config, coder.sharing());
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
    int used = (size.frames() - 1) * config.temporalFactor() + 1;
    return coder.encode(source, size, config.stretchesToEncode(used), height, width, observer);
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
