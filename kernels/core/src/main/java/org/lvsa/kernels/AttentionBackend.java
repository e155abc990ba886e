// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.StreamSupport;

/** A way to run attention, found with {@link ServiceLoader}. */
public interface AttentionBackend {

  /** The name on the command line and in result rows: {@code reference}, {@code vector}, … */
  String name();

  /** Fastest first: {@code auto} takes the available backend with the highest speed rank. */
  int speedRank();

  /** Whether it can run here, and on what. */
  Availability availability();

  /**
   * A kernel, ready to run.
   *
   * @throws IllegalStateException with the reason if it is not available here
   */
  AttentionKernel open();

  /** Whether a backend can run here. */
  sealed interface Availability {
    /** It can, on {@code device}. */
    record Available(String device) implements Availability {}

    /** It cannot, because of {@code reason}. */
    record Unavailable(String reason) implements Availability {}
  }

  /** Every backend on the class path, fastest first. */
  static List<AttentionBackend> all() {
    return StreamSupport.stream(ServiceLoader.load(AttentionBackend.class).spliterator(), false)
        .sorted((a, b) -> Integer.compare(b.speedRank(), a.speedRank()))
        .toList();
  }
}
