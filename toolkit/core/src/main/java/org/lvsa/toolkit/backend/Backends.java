// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.backend;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;
import org.lvsa.toolkit.io.Messages;

/** Chooses backends by name. What is not there is an error, never a substitute. */
public final class Backends {
  private Backends() {}

  /**
   * A backend as {@code lvsa devices} lists it.
   *
   * @param name its name
   * @param availability whether it can run here
   * @param devices what it could run on, if there is a choice
   */
  public record Listed(
      String name, Availability availability, List<AttentionBackend.Device> devices) {}

  /** Stand in the list for the GPU backends where this build leaves them out. */
  private static final List<Listed> LEFT_OUT =
      Stream.of("tornado", "cudnn")
          .map(
              name ->
                  new Listed(
                      name,
                      new Availability.Unavailable(
                          System.getProperty(
                              "lvsa.tornado.reason", "no TornadoVM SDK was found: see the README")),
                      List.of()))
          .toList();

  /** Every backend the project knows, also those that this build leaves out. */
  public static List<Listed> listed() {
    List<Listed> all = new ArrayList<>();
    AttentionBackend.fastestFirst()
        .forEach(b -> all.add(new Listed(b.name(), b.availability(), b.devices())));
    for (Listed absent : LEFT_OUT.reversed()) {
      if (all.stream().noneMatch(listed -> listed.name().equals(absent.name()))) {
        all.addFirst(absent);
      }
    }
    return all;
  }

  /**
   * The backend of that name, or for {@code auto} the fastest that can run here.
   *
   * @param warn told once for each faster backend that {@code auto} had to pass over
   * @throws IllegalArgumentException if there is no such name, naming the nearest first
   * @throws UnavailableException if it cannot run here
   */
  public static AttentionBackend named(String name, Consumer<String> warn) {
    List<AttentionBackend> all = AttentionBackend.all();
    if (name.equals("auto")) {
      for (AttentionBackend candidate : AttentionBackend.fastestFirst()) {
        if (candidate.availability() instanceof Availability.Unavailable(String reason)) {
          warn.accept("auto passes over " + candidate.name() + ": " + reason);
        } else {
          return candidate;
        }
      }
    }
    AttentionBackend backend =
        all.stream().filter(b -> b.name().equals(name)).findFirst().orElse(null);
    if (backend == null) {
      requireKnown(name);
    }
    Availability availability =
        backend == null
            ? LEFT_OUT.stream()
                .filter(absent -> absent.name().equals(name))
                .findFirst()
                .orElseThrow()
                .availability()
            : backend.availability();
    if (availability instanceof Availability.Unavailable(String reason)) {
      throw new UnavailableException("backend " + name + " is not available here: " + reason);
    }
    return backend;
  }

  /**
   * Refuses a name that no backend has, whether that backend can run here or not.
   *
   * @throws IllegalArgumentException if there is no such name, naming the nearest first
   */
  public static void requireKnown(String name) {
    List<String> names = new ArrayList<>(List.of("auto"));
    listed().forEach(known -> names.add(known.name()));
    if (!names.contains(name)) {
      throw new IllegalArgumentException(Messages.unknown("backend", name, names));
    }
  }

  /**
   * Opens a kernel of a backend.
   *
   * @throws IllegalArgumentException if the backend has no such device or kernel
   * @throws UnavailableException if what is asked for is not available here
   */
  public static AttentionKernel open(AttentionBackend backend, KernelOptions options) {
    backend
        .unavailable(options)
        .ifPresent(
            reason -> {
              throw new UnavailableException(reason);
            });
    return backend.open(options);
  }

  /**
   * Opens a kernel of each backend. A device, a kernel or a precision that is asked for goes to the
   * backends that have it, and the others choose for themselves; at least one must have it. If one
   * does not open, those already open are closed again.
   *
   * @return one kernel per backend, in the order of the backends
   * @throws IllegalArgumentException if no backend has the device or the kernel that the options
   *     name
   * @throws UnavailableException if none has the precision here
   */
  public static List<AttentionKernel> open(List<AttentionBackend> backends, KernelOptions options) {
    List<AttentionKernel> opened = new ArrayList<>();
    try {
      for (AttentionBackend backend : backends) {
        opened.add(open(backend, optionsOf(backend, backends, options)));
      }
      return opened;
    } catch (RuntimeException | Error e) {
      for (AttentionKernel kernel : opened) {
        try {
          kernel.close();
        } catch (RuntimeException second) {
          e.addSuppressed(second);
        }
      }
      throw e;
    }
  }

  private static KernelOptions optionsOf(
      AttentionBackend backend, List<AttentionBackend> all, KernelOptions asked) {
    return new KernelOptions(
        asked.device().filter(id -> hasDevice(backend, id) || noneHas(all, b -> hasDevice(b, id))),
        asked
            .kernel()
            .filter(name -> hasKernel(backend, name) || noneHas(all, b -> hasKernel(b, name))),
        hasPrecision(backend, asked) || noneHas(all, b -> hasPrecision(b, asked))
            ? asked.precision()
            : Precision.FULL);
  }

  private static boolean noneHas(List<AttentionBackend> backends, Predicate<AttentionBackend> has) {
    return backends.stream().noneMatch(has);
  }

  private static boolean hasPrecision(AttentionBackend backend, KernelOptions asked) {
    return backend.unavailable(KernelOptions.DEFAULT.with(asked.precision())).isEmpty();
  }

  private static boolean hasDevice(AttentionBackend backend, String id) {
    return backend.devices().stream().anyMatch(device -> device.id().equals(id));
  }

  private static boolean hasKernel(AttentionBackend backend, String name) {
    return backend.devices().stream().anyMatch(device -> device.kernels().contains(name));
  }
}
