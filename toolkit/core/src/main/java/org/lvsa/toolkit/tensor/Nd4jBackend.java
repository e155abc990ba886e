// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import java.util.List;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.KernelOptions;

/**
 * Attention with ND4J as the published "SDPA" path computes it: the attended keys and values are
 * gathered, then two matrix products and a softmax give the result.
 */
public final class Nd4jBackend implements AttentionBackend {
  /** For {@link java.util.ServiceLoader}. */
  public Nd4jBackend() {}

  @Override
  public String name() {
    return "nd4j";
  }

  @Override
  public int speedRank() {
    return 10;
  }

  @Override
  public Availability availability() {
    return Holder.AVAILABILITY;
  }

  @Override
  public AttentionKernel open(KernelOptions options) {
    options.check(name(), List.of(), List.of());
    if (availability() instanceof Availability.Unavailable(String reason)) {
      throw new IllegalStateException(reason);
    }
    return new Nd4jKernel();
  }

  /** ND4J takes about a second to start. It is started when it is first needed, and only once. */
  private static final class Holder {
    static final Availability AVAILABILITY = start();

    private static Availability start() {
      try {
        return new Availability.Available(Nd4jKernel.startedDevice());
      } catch (LinkageError | RuntimeException e) {
        return new Availability.Unavailable(
            "ND4J's native library does not load here: " + rootMessage(e));
      }
    }

    private static String rootMessage(Throwable thrown) {
      Throwable root = thrown;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      return root.getClass().getSimpleName() + ": " + root.getMessage();
    }
  }
}
