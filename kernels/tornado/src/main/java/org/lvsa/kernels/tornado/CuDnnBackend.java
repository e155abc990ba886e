// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;

/**
 * The backend {@code cudnn}: NVIDIA's own attention through a library task of TornadoVM, the rival
 * of the kernels written in Java. It takes an SDK with the CUDA backend and its cuDNN module.
 */
public final class CuDnnBackend implements AttentionBackend {
  private static final String NAME = "cudnn";
  private static final String MODULE = "tornado.cudnn";
  private static final String LIBRARY = "tornado-cudnn";
  private static final List<String> KERNELS = List.of("sdpa");

  /** For {@link java.util.ServiceLoader}. */
  public CuDnnBackend() {}

  @Override
  public String name() {
    return NAME;
  }

  /**
   * Behind {@code tornado} where that has a GPU: this backend is faster on fp16, but has no
   * float32, no log-sum-exp and no layouts of token blocks.
   */
  @Override
  public int speedRank() {
    return Start.DEVICE.isPresent() ? 90 : 0;
  }

  /** Runs a small problem when it is first asked, see {@link SelfCheck}. */
  @Override
  public Availability availability() {
    if (Start.DEVICE.isEmpty()) {
      return new Availability.Unavailable(Start.REASON);
    }
    return Checked.FAILURE
        .<Availability>map(Availability.Unavailable::new)
        .orElseGet(() -> new Availability.Available(Start.DEVICE.get().description()));
  }

  @Override
  public AttentionKernel open(KernelOptions options) {
    return kernel(target(options));
  }

  /**
   * The device that options name, or the one that is taken without.
   *
   * @throws IllegalArgumentException if there is no such device
   * @throws IllegalStateException if the backend cannot run here
   */
  TornadoTarget target(KernelOptions options) {
    if (availability() instanceof Availability.Unavailable(String reason)) {
      throw new IllegalStateException(reason);
    }
    List<TornadoTarget> all = targets();
    options.check(NAME, all.stream().map(TornadoTarget::id).toList(), KERNELS);
    TornadoTarget device =
        options
            .device()
            .flatMap(id -> all.stream().filter(d -> d.id().equals(id)).findFirst())
            .orElse(Start.DEVICE.orElseThrow());
    device.checkReachable();
    return device;
  }

  private static SdpaKernel kernel(TornadoTarget device) {
    return new SdpaKernel(NAME, device, new CuDnnSdpa(), SdpaKernel.MOST_SLOTS);
  }

  @Override
  public List<AttentionBackend.Device> devices() {
    if (Start.DEVICE.isEmpty()) {
      return List.of();
    }
    return targets().stream()
        .map(
            device ->
                new AttentionBackend.Device(
                    device.id(),
                    device.name(),
                    device.memory(),
                    KERNELS,
                    device.id().equals(Start.DEVICE.get().id()),
                    device.ownProcess()))
        .toList();
  }

  /** The devices of the CUDA backend. */
  private static List<TornadoTarget> targets() {
    return TornadoTarget.all().stream()
        .filter(target -> target.device().getTornadoVMBackend() == TornadoVMBackendType.CUDA)
        .toList();
  }

  /**
   * Why the SDK cannot call the library: its module or the native library of that is missing.
   *
   * @param libraryPath folders of native libraries
   */
  static Optional<String> missing(boolean module, String libraryPath) {
    if (!module) {
      return Optional.of("the TornadoVM SDK has no module " + MODULE);
    }
    String file = System.mapLibraryName(LIBRARY);
    boolean found =
        Arrays.stream(libraryPath.split(File.pathSeparator))
            .anyMatch(folder -> Files.exists(Path.of(folder, file)));
    return found
        ? Optional.empty()
        : Optional.of(
            "the TornadoVM SDK has no "
                + file
                + ", which an SDK with the CUDA backend and cuDNN brings");
  }

  /** Looks for the SDK's parts, once. */
  private static final class Start {
    static final Optional<TornadoTarget> DEVICE;

    /** Why the backend does not start here; empty if it does. */
    static final String REASON;

    static {
      Optional<TornadoTarget> device = Optional.empty();
      String reason = "";
      if (new TornadoBackend().availability() instanceof Availability.Unavailable(String why)) {
        reason = why;
      } else {
        Optional<String> missing =
            missing(
                ModuleLayer.boot().findModule(MODULE).isPresent(),
                System.getProperty("java.library.path", ""));
        device = targets().stream().filter(d -> !d.ownProcess()).findFirst();
        if (device.isEmpty()) {
          reason = "TornadoVM has no CUDA device here";
        } else if (missing.isPresent()) {
          device = Optional.empty();
          reason = missing.get();
        }
      }
      DEVICE = device;
      REASON = reason;
    }
  }

  /** The self-check of this process. */
  private static final class Checked {
    static final Optional<String> FAILURE = check();

    private static Optional<String> check() {
      try (SdpaKernel kernel = kernel(Start.DEVICE.orElseThrow())) {
        return SelfCheck.failure(kernel, DType.F16, 64, SelfCheck.Kind.FRAMES);
      }
    }
  }
}
