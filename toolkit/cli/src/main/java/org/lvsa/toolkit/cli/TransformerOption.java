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
              + " and the same --dtype (f16 beside bf16), and decodes whole frames (default: where"
              + " the transformer is)")
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
   * Refuses what decoding on the device cannot do.
   *
   * @param tiling whether frames are to be decoded in tiles
   */
  void checkVae(boolean tiling) {
    if (vae == Place.DEVICE && place == Place.CPU) {
      throw new IllegalArgumentException("--vae device needs --transformer device: give both");
    }
    if (vae == Place.DEVICE && tiling) {
      throw new IllegalArgumentException(
          "--vae device decodes whole frames: leave --vae-tiling out, or give --vae cpu");
    }
  }

  /**
   * Whether latents are decoded on the device.
   *
   * @param wholeFrames whether they become frames, without tiles, and all of them here
   */
  private boolean decodes(boolean wholeFrames) {
    return wholeFrames && place == Place.DEVICE && vae != Place.CPU;
  }

  /** Tells what a device holds, and refuses what does not fit, before anything is loaded. */
  void require(VideoPipeline pipeline, VideoSize size, DeviceChoice choice, PrintWriter err) {
    if (place == Place.DEVICE) {
      if (vae == Place.DEVICE && pipeline.deviceSizes(size).decoder().isEmpty()) {
        throw new IllegalArgumentException(
            "--vae device is not supported by this pipeline ("
                + pipeline.className()
                + "): give --vae cpu");
      }
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

  /**
   * The device that the settings name, and what it holds.
   *
   * @param wholeFrames whether latents become frames, without tiles, and all of them here
   */
  DeviceChoice choice(
      LvsaConfig config,
      KernelOptions kernel,
      CacheOptions caches,
      OffloadOptions offload,
      boolean wholeFrames) {
    return caches.room(choice(config, kernel, 0, offload, wholeFrames));
  }

  /**
   * As the other one.
   *
   * @param kept copies of the stream of tokens that step caches keep at most
   */
  DeviceChoice choice(
      LvsaConfig config,
      KernelOptions kernel,
      int kept,
      OffloadOptions offload,
      boolean wholeFrames) {
    return choice(config, kernel)
        .withKept(kept)
        .with(offload.residence())
        .withVae(decodes(wholeFrames));
  }

  /** The device that the settings name. */
  static DeviceChoice choice(LvsaConfig config, KernelOptions kernel) {
    return new DeviceChoice(config.value(Setting.LVSA_BACKEND).text(), config.dtype(), kernel);
  }
}
