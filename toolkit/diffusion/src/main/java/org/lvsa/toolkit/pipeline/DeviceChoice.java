// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.DeviceTransformer;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.vae.Tiling;

/**
 * Where a transformer runs as a whole, and the VAE with it.
 *
 * @param backend its name, or {@code auto} for the only one that there is
 * @param storage how the device holds it
 * @param options the device
 * @param kept copies of the stream of tokens that step caches keep there at most
 * @param outputs attentions of which step caches keep each block's output there
 * @param vae whether latents are decoded there too
 * @param tiling how frames are cut into tiles for that; empty to decode them whole
 * @param turns whether transformer and VAE take turns there, so that one of them has memory
 */
public record DeviceChoice(
    String backend,
    Storage storage,
    KernelOptions options,
    int kept,
    Set<BlockLoop.Attention> outputs,
    boolean vae,
    Optional<Tiling> tiling,
    boolean turns) {
  /**
   * All blocks there, no room for a step cache, which makes it when it first runs, and the VAE on
   * the CPU.
   */
  public DeviceChoice(String backend, DType dtype, KernelOptions options) {
    this(
        backend,
        new Storage(dtype, Residence.ALL_BLOCKS),
        options,
        0,
        Set.of(),
        false,
        Optional.empty(),
        false);
  }

  /** As this one, with the weights of that many blocks there. */
  public DeviceChoice with(Residence residence) {
    return new DeviceChoice(
        backend,
        new Storage(storage.dtype(), residence),
        options,
        kept,
        outputs,
        vae,
        tiling,
        turns);
  }

  /** As this one, with room for step caches. */
  public DeviceChoice withKept(int copies) {
    return new DeviceChoice(backend, storage, options, copies, outputs, vae, tiling, turns);
  }

  /** As this one, with room for outputs of attentions. */
  public DeviceChoice withOutputs(Set<BlockRunner.Attention> kinds) {
    return new DeviceChoice(backend, storage, options, kept, onDevice(kinds), vae, tiling, turns);
  }

  /** Kinds of attention as a device knows them. */
  public static Set<BlockLoop.Attention> onDevice(Set<BlockRunner.Attention> kinds) {
    return kinds.stream().map(DeviceChoice::onDevice).collect(Collectors.toUnmodifiableSet());
  }

  /** A kind of attention as a device knows it. */
  public static BlockLoop.Attention onDevice(BlockRunner.Attention kind) {
    return switch (kind) {
      case SELF -> BlockLoop.Attention.SELF;
      case CROSS -> BlockLoop.Attention.CROSS;
    };
  }

  /** A video with the room that step caches need. */
  public TransformerVideo room(TransformerVideo video) {
    return video.withKept(kept).withOutputs(outputs);
  }

  /** As this one, with the VAE there or on the CPU. */
  public DeviceChoice withVae(boolean there) {
    return new DeviceChoice(backend, storage, options, kept, outputs, there, tiling, turns);
  }

  /** As this one, with frames decoded in tiles, or whole. */
  public DeviceChoice withTiling(Optional<Tiling> its) {
    return new DeviceChoice(backend, storage, options, kept, outputs, vae, its, turns);
  }

  /** As this one, with transformer and VAE in turn or together. */
  public DeviceChoice withTurns(boolean taken) {
    return new DeviceChoice(backend, storage, options, kept, outputs, vae, tiling, taken);
  }

  /**
   * Settings in which self-attention has this one's backend, where they leave the choice open: the
   * fastest backend may have other devices, or none.
   *
   * @throws UnavailableException with the reason, if no backend can run here
   */
  public LvsaConfig named(LvsaConfig config) {
    return config.value(Setting.LVSA_BACKEND).text().equals("auto")
        ? config.with(Setting.LVSA_BACKEND, find().name())
        : config;
  }

  /**
   * The backend.
   *
   * @throws IllegalArgumentException if nobody knows the name, or if it would compute what is kept
   *     in every step all the same
   * @throws UnavailableException if no backend of that name runs transformers here, or not with
   *     that precision
   */
  public TransformerBackend find() {
    Backends.requireKnown(backend);
    if (!outputs.isEmpty() && backend.equals("cudnn")) {
      throw new IllegalArgumentException(
          "--cache-backend pab saves nothing with --backend cudnn, whose calls run in every step on"
              + " a device: give --backend tornado or another cache");
    }
    if (options.precision() != Precision.FULL) {
      throw new UnavailableException(
          "--transformer device computes scores in full precision: leave --precision out, or give"
              + " --transformer cpu");
    }
    for (TransformerBackend found : ServiceLoader.load(TransformerBackend.class)) {
      if (backend.equals("auto") || backend.equals(found.name())) {
        if (found.availability() instanceof Availability.Unavailable(String reason)) {
          throw new UnavailableException("--transformer device cannot run here: " + reason);
        }
        return found;
      }
    }
    throw new UnavailableException(
        backend.equals("auto") || backend.equals("tornado") || backend.equals("cudnn")
            ? "--transformer device cannot run here: "
                + System.getProperty("lvsa.tornado.reason", "no TornadoVM SDK was found")
            : "backend " + backend + " runs no whole transformer: give --backend tornado");
  }

  /**
   * Opens a transformer.
   *
   * @throws UnavailableException with the reason, if it cannot run there
   */
  public DeviceTransformer open(TransformerShape shape, TransformerWeights weights) {
    try {
      return find().open(shape, weights, storage, options);
    } catch (KernelFailedException e) {
      throw new UnavailableException("--transformer device: " + e.getMessage());
    }
  }

  /**
   * Opens a decoder of latents.
   *
   * @throws UnavailableException with the reason, if it cannot run there
   */
  public DeviceDecoder openDecoder(DecoderShape shape, DecoderWeights weights) {
    try {
      return find().openDecoder(shape, weights, storage.dtype(), options);
    } catch (KernelFailedException e) {
      throw new UnavailableException("--vae device: " + e.getMessage());
    }
  }
}
