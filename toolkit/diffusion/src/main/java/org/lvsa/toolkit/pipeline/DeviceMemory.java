// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.FrameSize;
import org.lvsa.kernels.transformer.TransformerBackend;
import org.lvsa.kernels.transformer.TransformerBackend.Need;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.kernels.transformer.TransformerBackend.Storage;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;

/** What a transformer takes of a device's memory: told and checked before anything is loaded. */
public final class DeviceMemory {
  private static final String VAE = "VAE";
  private static final String VAE_IN_TILES = "VAE in tiles";

  /** What {@code --vae-tiling} takes. */
  private static final Optional<Tiling> TILES = Optional.of(Tiling.DEFAULT);

  private final DeviceChoice choice;
  private final TransformerBackend backend;

  private DeviceMemory(DeviceChoice choice) {
    this.choice = choice;
    backend = choice.find();
  }

  /**
   * The sizes that decide what a transformer takes.
   *
   * @param shape of the transformer
   * @param video in tokens
   * @param decoder of the VAE; empty where it cannot be on a device
   */
  public record Sizes(TransformerShape shape, TransformerVideo video, Optional<Decoder> decoder) {}

  /**
   * The sizes that decide what decoding takes.
   *
   * @param latents of the video
   * @param patch pixels along the side of the squares that it gives
   * @param tiles what it takes for {@link Tiling#DEFAULT}
   */
  public record Decoder(DecoderShape shape, LatentSize latents, int patch, Tiling tiles) {
    /** One that takes the default tiles as they are. */
    public Decoder(DecoderShape shape, LatentSize latents, int patch) {
      this(shape, latents, patch, Tiling.DEFAULT);
    }

    /** Of a video of a share of the frames, rounded up. */
    private Decoder shortened(double share) {
      int frames = (int) Math.ceil(share * latents.frames());
      LatentSize shorter =
          new LatentSize(latents.channels(), frames, latents.height(), latents.width());
      return new Decoder(shape, shorter, patch, tiles);
    }

    private List<FrameSize> sizes(Optional<Tiling> tiling) {
      return Tiling.sizes(
          tiling.map(its -> its.equals(Tiling.DEFAULT) ? tiles : its),
          latents,
          patch,
          shape.scale());
    }
  }

  /**
   * Tells what a video takes, part by part, and refuses what the device cannot run or hold.
   *
   * @param log is told the parts
   * @throws IllegalArgumentException if the pipeline's transformer cannot be on a device
   * @throws UnavailableException with the reason, and with the option that would make it fit
   */
  public static void require(
      VideoPipeline pipeline, DeviceChoice choice, VideoSize size, Consumer<String> log) {
    Sizes plain = pipeline.deviceSizes(size);
    Sizes sizes = new Sizes(plain.shape(), choice.room(plain.video()), plain.decoder());
    DeviceMemory memory = new DeviceMemory(choice);
    memory
        .backend
        .unsupported(sizes.shape(), choice.storage().dtype(), choice.options())
        .ifPresent(
            reason -> {
              throw new UnavailableException("--transformer device: " + reason);
            });
    requireArrays(memory.backend, sizes, size);
    TransformerBackend.Device device = memory.backend.device(choice.options());
    List<Need> needs = memory.needs(sizes, choice.storage());
    log.accept(
        "memory of "
            + device.name()
            + ": "
            + needs.stream()
                .map(need -> need.part() + " " + mebibytes(need.bytes()))
                .collect(Collectors.joining(", "))
            + (choice.vae() ? "" : ", VAE none (it is on the CPU)")
            + memory.inTurn(needs));
    if (memory.most(needs) > device.bytes()) {
      throw new UnavailableException(
          "--transformer device needs "
              + mebibytes(memory.most(needs))
              + " for this video, "
              + device.name()
              + " has "
              + mebibytes(device.bytes())
              + ": "
              + memory.advice(size, sizes, device.bytes()));
    }
    memory.requireDecoder(sizes);
  }

  /** Refuses a video whose largest activations are more than an array holds. */
  private static void requireArrays(TransformerBackend backend, Sizes sizes, VideoSize size) {
    TransformerVideo video = sizes.video();
    long frame = (long) (video.tokens() / video.frames()) * sizes.shape().feedForward();
    long most = backend.mostElements() / frame;
    if (video.frames() > most) {
      throw new UnavailableException(
          "--transformer device: inside the feed-forward part this video has "
              + frame * video.frames()
              + " numbers, an array there holds "
              + backend.mostElements()
              + ": "
              + (most == 0
                  ? "give --transformer cpu"
                  : "--frames " + videoFrames(size, video, (int) most) + " is the most"));
    }
  }

  /** Refuses frames whose decoding needs more than an array holds. */
  private void requireDecoder(Sizes sizes) {
    if (choice.vae()) {
      unsupported(sizes, choice.tiling())
          .ifPresent(
              reason -> {
                String advice =
                    choice.tiling().isEmpty() && unsupported(sizes, TILES).isEmpty()
                        ? "--vae-tiling"
                        : "--vae cpu";
                throw new UnavailableException("--vae device: " + reason + ": give " + advice);
              });
    }
  }

  private Optional<String> unsupported(Sizes sizes, Optional<Tiling> tiling) {
    Decoder decoder = sizes.decoder().orElseThrow();
    return backend.decoderUnsupported(
        decoder.shape(),
        decoder.sizes(tiling),
        decoder.latents().frames(),
        choice.storage().dtype());
  }

  /** Frames of a video whose latent frames are fewer: all but the first one are several. */
  private static int videoFrames(VideoSize size, TransformerVideo video, int latentFrames) {
    int each = video.frames() == 1 ? 0 : (size.frames() - 1) / (video.frames() - 1);
    return (latentFrames - 1) * each + 1;
  }

  /** A pipeline's transformer cannot be on a device. */
  static IllegalArgumentException unsupported(VideoPipeline pipeline) {
    return new IllegalArgumentException(
        "--transformer device is not supported by this pipeline ("
            + pipeline.className()
            + "): give --transformer cpu");
  }

  private List<Need> needs(Sizes sizes, Storage storage) {
    List<Need> all = new ArrayList<>(backend.memory(sizes.shape(), sizes.video(), storage));
    if (choice.vae()) {
      Decoder decoder = sizes.decoder().orElseThrow();
      List<FrameSize> frames = decoder.sizes(choice.tiling());
      all.add(
          new Need(
              frames.equals(decoder.sizes(Optional.empty())) ? VAE : VAE_IN_TILES,
              backend.decoderMemory(
                  decoder.shape(), frames, decoder.latents().frames(), storage.dtype())));
    }
    return all;
  }

  /** What is there at the same time: all, or the larger one of those that take turns. */
  private long most(List<Need> needs) {
    long vae = vae(needs);
    long others = sum(needs) - vae;
    return choice.turns() ? Math.max(others, vae) : others + vae;
  }

  private static long vae(List<Need> needs) {
    return sum(needs.stream().filter(need -> need.part().startsWith(VAE)).toList());
  }

  private String inTurn(List<Need> needs) {
    if (!choice.turns()) {
      return "";
    }
    return choice.vae()
        ? ", in turn at most " + mebibytes(most(needs))
        : "; the transformer has no VAE there to take turns with";
  }

  private static long sum(List<Need> needs) {
    return needs.stream().mapToLong(Need::bytes).sum();
  }

  private static String mebibytes(long bytes) {
    return (bytes >> 20) + " MiB";
  }

  /** The option that would make it fit. */
  private String advice(VideoSize size, Sizes sizes, long bytes) {
    Storage storage = choice.storage();
    List<Need> needs = needs(sizes, storage);
    long vae = vae(needs);
    DeviceMemory inTiles = new DeviceMemory(choice.withTiling(TILES));
    long tiled = inTiles.most(inTiles.needs(sizes, storage));
    if (vae > 0 && tiled < most(needs) && tiled <= bytes) {
      return "--vae-tiling takes " + mebibytes(tiled);
    }
    long inTurn = Math.max(vae, sum(needs) - vae);
    if (vae > 0 && !choice.turns() && inTurn <= bytes) {
      return "--enable-cpu-offload takes " + mebibytes(inTurn);
    }
    if (vae > 0 && sum(needs) - vae <= bytes) {
      return "--vae cpu takes " + mebibytes(sum(needs) - vae);
    }
    long half = most(needs(sizes, new Storage(DType.F16, storage.residence())));
    if (storage.dtype() == DType.F32
        && half <= bytes
        && backend.unsupported(sizes.shape(), DType.F16, choice.options()).isEmpty()) {
      return "--dtype f16 takes " + mebibytes(half);
    }
    long two = most(needs(sizes, new Storage(storage.dtype(), Residence.TWO_BLOCKS)));
    if (two <= bytes) {
      return "--enable-layerwise-offload takes " + mebibytes(two);
    }
    return frames(size, sizes, bytes)
        .map(frames -> "--frames " + frames + " fits")
        .or(() -> framesWithoutVae(size, sizes, bytes))
        .orElse("give --transformer cpu");
  }

  private Optional<String> framesWithoutVae(VideoSize size, Sizes sizes, long bytes) {
    if (!choice.vae()) {
      return Optional.empty();
    }
    return new DeviceMemory(choice.withVae(false))
        .frames(size, sizes, bytes)
        .map(frames -> "--vae cpu with --frames " + frames + " fits");
  }

  /** The most frames that fit, fewer than asked for. */
  private Optional<Integer> frames(VideoSize size, Sizes sizes, long bytes) {
    TransformerVideo video = sizes.video();
    int fits = 0;
    int most = video.frames();
    while (fits + 1 < most) {
      int middle = (fits + most) >>> 1;
      double share = (double) middle / video.frames();
      Sizes shorter =
          new Sizes(
              sizes.shape(),
              video.withFrames(middle),
              sizes.decoder().map(decoder -> decoder.shortened(share)));
      if (most(needs(shorter, choice.storage())) <= bytes) {
        fits = middle;
      } else {
        most = middle;
      }
    }
    return fits == 0 ? Optional.empty() : Optional.of(videoFrames(size, video, fits));
  }
}
