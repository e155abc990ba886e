// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.util.Optional;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.DeviceMemory;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.vae.Tiling;
import picocli.CommandLine.Option;

/** The option that says where the transformer runs. */
final class TransformerOption {
  /** Where the transformer runs. */
  enum Place {
    CPU,
    DEVICE
  }

  @Option(
      names = "--transformer",
      defaultValue = "cpu",
      description =
          "${COMPLETION-CANDIDATES}: where everything but self-attention runs; device puts the"
              + " whole transformer on the GPU, with the weights in --dtype f32, f16 or bf16"
              + " (default: ${DEFAULT-VALUE})")
  private Place place;

  @Option(
      names = "--vae",
      description =
          "${COMPLETION-CANDIDATES}: where latents are decoded; device needs --transformer device"
              + " and the same --dtype (f16 beside bf16); with --vae-tiling it decodes the same"
              + " tiles as the CPU (default: where the transformer is)")
  private Place vae;

  Place place() {
    return place;
  }

  /**
   * Refuses what a transformer on the device cannot do.
   *
   * @param more whether something is asked for that it does not have
   */
  void check(boolean more) {
    if (place == Place.DEVICE && more) {
      throw new IllegalArgumentException(
          "--transformer device attends dense or with LVSA, on one rank or on the two of"
              + " --cfg-parallel-size 2 --ranks processes, and without --capture: leave what is more"
              + " out");
    }
  }

  /** The device, if the whole transformer is there; empty for the CPU. */
  Optional<DeviceChoice> device(DeviceChoice choice) {
    return place == Place.DEVICE ? Optional.of(choice) : Optional.empty();
  }

  /**
   * Refuses decoding on the device where the transformer is not, or where several ranks decode.
   *
   * @param ranks that decode
   */
  void checkVae(int ranks) {
    if (vae == Place.DEVICE && ranks > 1) {
      throw new IllegalArgumentException(
          "--vae device decodes on one rank, --vae-patch-parallel-size "
              + ranks
              + " on the CPUs of several: leave one of them out");
    }
    if (vae == Place.DEVICE && place == Place.CPU) {
      throw new IllegalArgumentException("--vae device needs --transformer device: give both");
    }
  }

  /**
   * Whether latents are decoded on the device.
   *
   * @param frames whether they become frames, and all of them here
   */
  private boolean decodes(VideoPipeline pipeline, boolean frames) {
    if (place == Place.CPU || vae == Place.CPU) {
      return false;
    }
    if (vae == Place.DEVICE && !pipeline.decodesOnDevice()) {
      throw new IllegalArgumentException(
          "--vae device is not supported by this pipeline ("
              + pipeline.className()
              + "): give --vae cpu");
    }
    return frames && pipeline.decodesOnDevice();
  }

  /** Tells what a device holds, and refuses what does not fit, before anything is loaded. */
  void require(VideoPipeline pipeline, VideoSize size, DeviceChoice choice, PrintWriter err) {
    if (place == Place.DEVICE) {
      DeviceMemory.require(pipeline, choice, size, line -> err.println("lvsa: " + line));
    }
  }

  /**
   * Puts the transformer where it is to run.
   *
   * @param size of the video that it is made ready for; empty where the first video tells
   */
  void place(
      VideoPipeline pipeline, Optional<VideoSize> size, DeviceChoice choice, PrintWriter err) {
    if (place == Place.DEVICE) {
      try (GenerateProgress progress = new GenerateProgress(err, "")) {
        pipeline.transformerOnDevice(choice, size, progress.preparing());
      }
    }
  }

  /** Settings whose backend is the transformer's where it is on a device and nobody names one. */
  LvsaConfig backend(LvsaConfig config, KernelOptions kernel) {
    return device(choice(config, kernel)).map(its -> its.named(config)).orElse(config);
  }

  /** The device that the settings name, and what it holds besides the VAE. */
  static DeviceChoice choice(
      LvsaConfig config, KernelOptions kernel, CacheOptions caches, OffloadOptions offload) {
    return caches.room(choice(config, kernel).with(offload.residence()).withTurns(offload.turns()));
  }

  /**
   * A choice of the device, with where latents are decoded.
   *
   * @param frames whether latents become frames, and all of them here
   * @param tiling how frames are cut into tiles; empty to decode them whole
   * @throws IllegalArgumentException if the device is asked for and this model's VAE cannot
   */
  DeviceChoice decoding(
      DeviceChoice choice, VideoPipeline pipeline, boolean frames, Optional<Tiling> tiling) {
    return choice.withVae(decodes(pipeline, frames)).withTiling(tiling);
  }

  /** The device that the settings name. */
  static DeviceChoice choice(LvsaConfig config, KernelOptions kernel) {
    return new DeviceChoice(config.value(Setting.LVSA_BACKEND).text(), config.dtype(), kernel);
  }
}
