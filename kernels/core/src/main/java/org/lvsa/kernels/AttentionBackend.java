// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.StreamSupport;

/**
 * A way to run attention: one implementation on one kind of hardware. Backends are found with
 * {@link ServiceLoader}, and opened to get an {@link AttentionKernel}.
 */
public interface AttentionBackend {

  /** The name on the command line and in result rows: {@code reference}, {@code vector}, … */
  String name();

  /**
   * Where this backend stands in the order in which {@code auto} tries backends: the available one
   * with the highest number is taken. May look for devices, and take as long as {@link
   * #availability}.
   */
  int speedRank();

  /** Whether the backend can run here, and on which device. */
  Availability availability();

  /**
   * Why what the options ask for is not available here although the project has it; empty if it is.
   * That is a precision that only other backends or devices have. What does not exist at all is
   * refused by {@link #open}.
   *
   * @throws IllegalArgumentException as {@link #open} does
   */
  default Optional<String> unavailable(KernelOptions options) {
    return options.precision() == Precision.FULL
        ? Optional.empty()
        : Optional.of(
            "backend "
                + name()
                + " has no scores of int8: the backend tornado has them, on a GPU with tensor cores");
  }

  /**
   * Opens a kernel that is ready to run.
   *
   * @throws IllegalArgumentException if the options name a device or a kernel that this backend
   *     does not have; the message lists those that there are
   * @throws IllegalStateException with the reason if the backend cannot run here
   */
  AttentionKernel open(KernelOptions options);

  /** The devices that the backend can choose from; empty if there is nothing to choose. */
  default List<Device> devices() {
    return List.of();
  }

  /**
   * A device of a backend.
   *
   * @param id what {@link KernelOptions#device} calls it
   * @param name the name that its maker gave it, with the driver behind it
   * @param memoryBytes memory of its own
   * @param kernels names of the kernels that it can run, for {@link KernelOptions#kernel}
   * @param chosen whether the backend takes this device if it is not told otherwise
   * @param ownProcess whether it takes a process that sees no other device of the driver; the
   *     process may be told by {@link #ALONE} what the device is called
   */
  record Device(
      String id,
      String name,
      long memoryBytes,
      List<String> kernels,
      boolean chosen,
      boolean ownProcess) {
    /**
     * Variable of the environment: the id of a device where it is the only one of its driver that a
     * process sees, so that it has one name everywhere. Without it, such a device is number 0.
     */
    public static final String ALONE = "LVSA_DEVICE";
  }

  /** Whether a backend can run here. */
  sealed interface Availability {
    /** The backend can run here, on {@code device}. */
    record Available(String device) implements Availability {}

    /** The backend cannot run here, because of {@code reason}. */
    record Unavailable(String reason) implements Availability {}
  }

  /** Every backend that is on the class path or module path. */
  static List<AttentionBackend> all() {
    return StreamSupport.stream(ServiceLoader.load(AttentionBackend.class).spliterator(), false)
        .toList();
  }

  /** Every backend, the one with the highest speed rank first. Asks each for its devices. */
  static List<AttentionBackend> fastestFirst() {
    return all().stream()
        .sorted(Comparator.comparingInt(AttentionBackend::speedRank).reversed())
        .toList();
  }
}
