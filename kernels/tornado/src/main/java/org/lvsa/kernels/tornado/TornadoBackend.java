// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;

/** The backend {@code tornado}: attention on a GPU. */
public final class TornadoBackend implements AttentionBackend {
  /** For {@link java.util.ServiceLoader}. */
  public TornadoBackend() {}

  @Override
  public String name() {
    return "tornado";
  }

  /** First on a GPU. TornadoVM on a CPU is for trying kernels out, not for speed. */
  @Override
  public int speedRank() {
    return Start.DEFAULT_DEVICE.map(device -> device.gpu() ? 100 : 1).orElse(1);
  }

  @Override
  public Availability availability() {
    return Start.DEFAULT_DEVICE
        .<Availability>map(device -> new Availability.Available(device.description()))
        .orElseGet(() -> new Availability.Unavailable(Start.REASON));
  }

  @Override
  public AttentionKernel open(KernelOptions options) {
    unavailable(options)
        .ifPresent(
            reason -> {
              throw new IllegalStateException(reason);
            });
    return new TornadoKernel(target(options), options.kernel(), options.precision());
  }

  @Override
  public Optional<String> unavailable(KernelOptions options) {
    if (options.precision() == Precision.FULL) {
      return Optional.empty();
    }
    TornadoTarget device = target(options);
    options
        .kernel()
        .filter(TornadoKernel.PORTABLE::equals)
        .ifPresent(
            name -> {
              throw new IllegalArgumentException(
                  "the kernel " + name + " has no scores of int8: leave the choice of kernel out");
            });
    return device.tensorCores()
        ? Optional.empty()
        : Optional.of(
            "scores of int8 need TornadoVM's CUDA backend and compute capability 8.0, this is "
                + device.description());
  }

  /**
   * The device that options name, or the default one.
   *
   * @throws IllegalArgumentException if there is no such device, or it cannot be used
   */
  TornadoTarget target(KernelOptions options) {
    TornadoTarget preferred =
        Start.DEFAULT_DEVICE.orElseThrow(() -> new IllegalStateException(Start.REASON));
    List<TornadoTarget> all = TornadoTarget.all();
    options
        .with(Precision.FULL)
        .check(name(), all.stream().map(TornadoTarget::id).toList(), TornadoKernel.names());
    TornadoTarget device =
        options
            .device()
            .flatMap(id -> all.stream().filter(d -> d.id().equals(id)).findFirst())
            .orElse(preferred);
    device.checkReachable();
    return device;
  }

  @Override
  public List<AttentionBackend.Device> devices() {
    if (Start.DEFAULT_DEVICE.isEmpty()) {
      return List.of();
    }
    String chosen = Start.DEFAULT_DEVICE.get().id();
    return TornadoTarget.all().stream()
        .map(
            device ->
                new AttentionBackend.Device(
                    device.id(),
                    device.name(),
                    device.memory(),
                    TornadoKernel.kernels(device),
                    device.id().equals(chosen),
                    device.ownProcess()))
        .toList();
  }

  /** Starts TornadoVM, once, when somebody first asks for it. */
  private static final class Start {
    /** The device that is taken if nobody names one; empty if TornadoVM does not start here. */
    static final Optional<TornadoTarget> DEFAULT_DEVICE;

    /** Why TornadoVM does not start here; empty if it does. */
    static final String REASON;

    static {
      Optional<TornadoTarget> found = Optional.empty();
      String reason = "";
      try {
        found = Optional.of(TornadoTarget.chosen());
      } catch (LinkageError e) {
        reason =
            "TornadoVM does not start here: the flags of its SDK are missing (./lvsa passes them), or"
                + " its driver finds no library: "
                + rootMessage(e);
      } catch (VirtualMachineError e) {
        throw e;
      } catch (RuntimeException | Error e) {
        reason = "TornadoVM does not start here: " + rootMessage(e);
      }
      DEFAULT_DEVICE = found;
      REASON = reason;
    }

    private static String rootMessage(Throwable thrown) {
      Throwable root = thrown;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
    }
  }
}
