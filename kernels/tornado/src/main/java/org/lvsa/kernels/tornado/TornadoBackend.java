// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.KernelOptions;

/** The GPU backend. */
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
    return Holder.DEVICE != null && Holder.DEVICE.gpu() ? 100 : 1;
  }

  @Override
  public Availability availability() {
    return Holder.DEVICE == null
        ? new Availability.Unavailable(Holder.REASON)
        : new Availability.Available(Holder.DEVICE.description());
  }

  @Override
  public AttentionKernel open(KernelOptions options) {
    if (availability() instanceof Availability.Unavailable(String reason)) {
      throw new IllegalStateException(reason);
    }
    List<TornadoTarget> all = TornadoTarget.all();
    options.check(name(), all.stream().map(TornadoTarget::id).toList(), TornadoKernel.names());
    TornadoTarget device =
        options
            .device()
            .flatMap(id -> all.stream().filter(d -> d.id().equals(id)).findFirst())
            .orElse(Holder.DEVICE);
    device
        .unusable()
        .ifPresent(
            reason -> {
              throw new IllegalArgumentException(
                  "device " + device.id() + " cannot be used: " + reason);
            });
    return new TornadoKernel(device, options.kernel());
  }

  @Override
  public List<AttentionBackend.Device> devices() {
    if (Holder.DEVICE == null) {
      return List.of();
    }
    return TornadoTarget.all().stream()
        .map(
            device ->
                new AttentionBackend.Device(
                    device.id(),
                    device.name(),
                    device.memory(),
                    TornadoKernel.kernels(device),
                    device.id().equals(Holder.DEVICE.id()),
                    device.unusable()))
        .toList();
  }

  /** TornadoVM starts once, when somebody asks. */
  private static final class Holder {
    static final TornadoTarget DEVICE;
    static final String REASON;
    private static final String DEVICE_MEMORY = "tornado.device.memory";

    static {
      // TornadoVM's own limit is 4 GB, whatever the device has. The kernel refuses what does not
      // fit
      // the device, and gives every plan the limit that its buffers need.
      if (System.getProperty(DEVICE_MEMORY) == null) {
        System.setProperty(DEVICE_MEMORY, "1024GB");
      }
      TornadoTarget found = null;
      String reason = "";
      try {
        found = TornadoTarget.chosen();
      } catch (LinkageError e) {
        Throwable root = e;
        while (root.getCause() != null) {
          root = root.getCause();
        }
        reason =
            "TornadoVM does not start here (the SDK's flags are missing, which ./lvsa passes, or its"
                + " driver finds no library): "
                + root.getMessage();
      } catch (RuntimeException e) {
        reason = "TornadoVM does not start here: " + e.getMessage();
      }
      DEVICE = found;
      REASON = reason;
    }
  }
}
