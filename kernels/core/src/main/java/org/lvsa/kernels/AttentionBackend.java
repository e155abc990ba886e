// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.StreamSupport;

/** A way to run attention, found with {@link ServiceLoader}. */
public interface AttentionBackend {

  /** The name on the command line and in result rows: {@code reference}, {@code vector}, … */
  String name();

  /**
   * {@code auto} takes the available backend with the highest speed rank. May look for devices, and
   * take as long as {@link #availability}.
   */
  int speedRank();

  /** Whether it can run here, and on what. */
  Availability availability();

  /**
   * A kernel, ready to run.
   *
   * @throws IllegalStateException with the reason if it is not available here
   */
  AttentionKernel open();

  /** The devices that it could use, where there can be several; empty where there is one. */
  default List<Device> devices() {
    return List.of();
  }

  /**
   * A device of a backend.
   *
   * @param id what {@code --device} calls it
   * @param name as its maker calls it, with the driver behind it
   * @param memoryBytes memory of its own
   * @param kernels the kernels that it can run
   * @param chosen whether the backend uses it
   */
  record Device(String id, String name, long memoryBytes, List<String> kernels, boolean chosen) {}

  /** Whether a backend can run here. */
  sealed interface Availability {
    /** It can, on {@code device}. */
    record Available(String device) implements Availability {}

    /** It cannot, because of {@code reason}. */
    record Unavailable(String reason) implements Availability {}
  }

  /** Every backend on the class path. */
  static List<AttentionBackend> all() {
    return StreamSupport.stream(ServiceLoader.load(AttentionBackend.class).spliterator(), false)
        .toList();
  }

  /** Every backend on the class path, fastest first. Asks each for its devices. */
  static List<AttentionBackend> fastestFirst() {
    return all().stream()
        .sorted(Comparator.comparingInt(AttentionBackend::speedRank).reversed())
        .toList();
  }
}
