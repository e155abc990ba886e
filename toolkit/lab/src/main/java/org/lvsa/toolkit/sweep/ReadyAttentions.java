// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.TokenOrders;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blockpattern.BatchAttention;
import org.lvsa.toolkit.blockpattern.BatchLayout;

/**
 * The inputs of one geometry, made ready for a kernel once per order of tokens: attentions whose
 * layouts refer to the same order share it. An attention is prepared when it is first asked for, so
 * that one that cannot be prepared leaves the others alone.
 */
final class ReadyAttentions {
  /** Preparing is cold the first time; the median of this many counts. */
  private static final int PREPARATIONS = 3;

  private final AttentionKernel kernel;
  private final AttentionInputs inputs;
  private final List<BatchLayout> layouts;
  private final Ready[] ready;

  /** Attentions with these layouts. */
  ReadyAttentions(AttentionKernel kernel, AttentionInputs inputs, List<BatchLayout> layouts) {
    this.kernel = kernel;
    this.inputs = inputs;
    this.layouts = layouts;
    ready = new Ready[layouts.size()];
  }

  private record Ready(BatchAttention attention, Preparation preparation) {}

  /**
   * What an attention runs on.
   *
   * @throws UnavailableException if the kernel does not take the inputs in the layout's order
   */
  BatchAttention attention(int index) {
    return ready(index).attention();
  }

  /** The median of what several preparations of an attention's inputs took. */
  Preparation preparation(int index) {
    return ready(index).preparation();
  }

  private Ready ready(int index) {
    if (ready[index] == null) {
      List<TokenOrders> orders = layouts.get(index).orders();
      ready[index] = there(orders).orElseGet(() -> prepare(orders));
    }
    return ready[index];
  }

  private Optional<Ready> there(List<TokenOrders> orders) {
    for (int other = 0; other < ready.length; other++) {
      if (ready[other] != null && layouts.get(other).orders().equals(orders)) {
        return Optional.of(ready[other]);
      }
    }
    return Optional.empty();
  }

  private Ready prepare(List<TokenOrders> orders) {
    for (TokenOrders one : orders) {
      // Heads that share keys and want them in different orders get keys of their own.
      kernel
          .unsupported(one.shape(inputs.shape()), inputs.dtype())
          .ifPresent(
              reason -> {
                throw new UnavailableException(reason);
              });
    }
    List<Preparation> preparations = new ArrayList<>();
    for (int i = 1; i < PREPARATIONS; i++) {
      try (BatchAttention cold = BatchAttention.prepare(kernel, inputs, orders)) {
        preparations.add(cold.preparation());
      }
    }
    BatchAttention attention = BatchAttention.prepare(kernel, inputs, orders);
    preparations.add(attention.preparation());
    return new Ready(
        attention,
        new Preparation(
            median(preparations, Preparation::prepareMillis),
            median(preparations, Preparation::transferMillis)));
  }

  private static double median(
      List<Preparation> preparations, ToDoubleFunction<Preparation> millis) {
    return Statistics.median(preparations.stream().mapToDouble(millis).toArray());
  }

  /**
   * Gives back what was prepared.
   *
   * @param failed takes what closing throws
   */
  void close(Consumer<Throwable> failed) {
    Arrays.stream(ready)
        .filter(Objects::nonNull)
        .distinct()
        .forEach(
            one -> {
              try {
                one.attention().close();
              } catch (RuntimeException | Error e) {
                failed.accept(e);
              }
            });
    Arrays.fill(ready, null);
  }
}
