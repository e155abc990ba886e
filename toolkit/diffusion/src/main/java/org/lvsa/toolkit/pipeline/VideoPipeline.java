// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.kernels.Progress;
import org.lvsa.toolkit.attention.AskedPattern;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.FrameCut;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;

/**
 * A model that is opened and makes videos in three parts: what it is told is encoded ({@link
 * #prepare}), noise becomes clean latents ({@link Denoising#run}), and the latents become frames
 * ({@link #decode}). {@link VideoRun} drives the parts. One call at a time, except for {@link
 * Denoising#forRank}.
 */
public interface VideoPipeline extends AutoCloseable {
  /** The pipeline's class name, as {@link PipelineType#className} gives it. */
  String className();

  /** What the pipeline takes and makes, beyond a prompt and a video. */
  Set<Capability> capabilities();

  /** Of the capabilities, what has to be given for every video: pictures, as a rule nothing. */
  default Set<Capability> required() {
    return Set.of();
  }

  /** What is taken where a user does not say. */
  PipelineDefaults defaults();

  /**
   * What is taken where a user does not say, for a video that begins with a picture.
   *
   * @param picture its size, whose shape can decide the video's; empty if there is none
   */
  default PipelineDefaults defaults(Optional<Resolution> picture) {
    return defaults();
  }

  /** Sizes of the transformer by name, such as {@code layers} → 30, for people to read. */
  Map<String, Integer> geometry();

  /**
   * The latents of a video.
   *
   * @throws IllegalArgumentException if the size does not fit the model, with the nearest that does
   */
  LatentSize latents(VideoSize size);

  /** The video as the transformer's self-attention sees it. */
  AttendedVideo attended(VideoSize size);

  /**
   * Settings of LVSA that the model itself gives, where nobody else does: its training horizon, how
   * latents lie, and runs per step.
   */
  Map<Setting<?>, String> attentionDefaults(GenerationSettings settings);

  /**
   * Refuses ranks that cannot share this model.
   *
   * @throws IllegalArgumentException naming what is not supported, or the numbers that do not
   *     divide
   */
  default void check(RankGroups ranks) {
    if (ranks.tensor() > 1) {
      throw new IllegalArgumentException(
          "--tensor-parallel-size is not supported by this pipeline ("
              + className()
              + "), got "
              + ranks.tensor()
              + ": leave it out");
    }
  }

  /**
   * What a generation takes of the machine's memory, part by part.
   *
   * @param tiling how large frames are cut into tiles; empty to decode them whole
   * @param ranks of this process, each of which denoises
   */
  List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks);

  /**
   * Encodes what the settings tell the model: the prompts, and pictures where there are some. The
   * encoders are read here and freed again.
   *
   * @throws IllegalArgumentException if the settings ask for what this model cannot do
   */
  Denoising prepare(GenerationSettings settings);

  /** How many frames {@link #decode} gives: as a rule those that the video has. */
  default int decodedFrames(VideoSize size) {
    return size.frames();
  }

  /**
   * Decodes latents to frames, some at a time.
   *
   * @param latents clean ones, as {@link Denoising#run} gives them
   * @param tiling how large frames are cut into tiles; empty to decode them whole
   * @param sink takes the frames in order
   */
  void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink);

  /**
   * Decodes latents in tiles or patches that ranks divide among them. Every rank calls it with the
   * same latents, and the first one gets the tiles.
   */
  default DecodedTiles decodeTiles(
      VideoSize size, float[] latents, FrameCut cut, Communicator ranks) {
    throw new IllegalArgumentException(
        "decoding on several ranks is not supported by this pipeline (" + className() + ")");
  }

  /** Frees the weights. */
  @Override
  void close();

  /**
   * A video as self-attention sees it.
   *
   * @param model short name of the model's family, which lines of the log begin with: {@code wan}
   * @param frames latent frames after the transformer's patches
   * @param hook where LVSA is installed; empty where the published implementation has no name for
   *     it
   */
  record AttendedVideo(String model, int frames, Optional<Hook> hook) {
    /** Without a published name of the place. */
    public AttendedVideo(String model, int frames) {
      this(model, frames, Optional.empty());
    }

    /** With the published name of the place. */
    public AttendedVideo(String model, int frames, Hook hook) {
      this(model, frames, Optional.of(hook));
    }
  }

  /**
   * Where LVSA is installed in a model, as the published implementation's log lines call it.
   *
   * @param module the attention module that LVSA takes the place of
   * @param blocks how many there are
   * @param variable the setting that leaves the hook out where somebody turns it off; empty if
   *     there is none
   */
  record Hook(String module, int blocks, Optional<Setting<Boolean>> variable) {}

  /**
   * Slows the temporal position that would repeat in a long video (RIFLEx, Zhao et al. 2025), for
   * everything that runs from now on.
   *
   * @param scale how many times as long as training the video is; 1 changes nothing
   * @throws IllegalArgumentException if the scale is below 1, or the model has no rotary positions
   */
  default void riflex(double scale) {
    throw new IllegalArgumentException(
        "RIFLEx is not supported by this pipeline (" + className() + ")");
  }

  /**
   * A pattern of the laboratory, as a run of this model counts steps and layers.
   *
   * @param text as a user writes it
   * @param steps denoising steps of the run
   * @throws UnavailableException if the model does not tell its number of layers
   */
  default AskedPattern asked(String text, int steps) {
    Integer layers = geometry().get("layers");
    if (layers == null) {
      throw new UnavailableException(
          "attention "
              + AskedPattern.name(text)
              + " needs the number of layers, which "
              + className()
              + " does not tell");
    }
    return new AskedPattern(text, steps, layers);
  }

  /**
   * Runs the transformer on a device as a whole from now on: reads the weights, compiles and
   * uploads. A video of another size makes that ready again when it begins.
   *
   * @param choice of the device and the type of weights and activations
   * @param size of the video that it is made ready for; empty where the first video tells
   * @param progress is told how far it is, then and later
   * @throws IllegalArgumentException if this pipeline cannot
   * @throws UnavailableException if the device cannot
   */
  default void transformerOnDevice(
      DeviceChoice choice, Optional<VideoSize> size, Progress progress) {
    throw DeviceMemory.unsupported(this);
  }

  /**
   * Whether latents can be decoded on a device too, where the transformer is on one; else the VAE
   * stays on the CPU.
   */
  default boolean decodesOnDevice() {
    return false;
  }

  /**
   * The sizes that decide what the transformer takes of a device's memory.
   *
   * @throws IllegalArgumentException if this pipeline's transformer cannot be on a device
   */
  default DeviceMemory.Sizes deviceSizes(VideoSize size) {
    throw DeviceMemory.unsupported(this);
  }
}
