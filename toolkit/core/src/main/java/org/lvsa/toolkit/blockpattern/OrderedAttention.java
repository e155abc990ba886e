// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.PreparedAttention;

/**
 * Inputs of an attention whose tokens are brought into another order first, by head if the orders
 * differ by head. Layouts refer to the tokens in that order. The output is in the usual order
 * again.
 *
 * <p>The host moves the tokens, on all cores, whatever device the kernel runs on: a device gets
 * them in their new order. The time is counted as preparation: that of query, key and value in
 * {@link #preparation}, that of the output in {@link KernelRun#prepareMillis} of each run.
 *
 * <p>Keys and values of heads that share them (GQA) are repeated if those heads want them in
 * different orders. The copies are freed by {@link #close}.
 */
public final class OrderedAttention implements PreparedAttention {
  private final AttentionShape shape;
  private final TokenOrders orders;
  private final Arena arena;
  private final PreparedAttention prepared;
  private final AttentionOutput ordered;
  private final Preparation preparation;
  private final long bytes;
  private boolean closed;

  private OrderedAttention(AttentionKernel kernel, AttentionInputs inputs, TokenOrders orders) {
    this.shape = inputs.shape();
    this.orders = orders;
    arena = Arena.ofShared();
    try {
      long start = System.nanoTime();
      AttentionInputs moved = move(inputs, orders, arena);
      double millis = (System.nanoTime() - start) / 1e6;
      ordered = AttentionOutput.allocateWithLogSumExp(shape, arena);
      bytes =
          moved.query().byteSize()
              + 2 * moved.key().byteSize()
              + (shape.queryElements() + shape.logSumExpElements()) * Float.BYTES;
      prepared = kernel.prepare(moved);
      Preparation own = prepared.preparation();
      preparation = new Preparation(own.prepareMillis() + millis, own.transferMillis());
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Brings the inputs into their orders and prepares them for a kernel. Orders that change nothing
   * cost nothing: the kernel's own preparation is returned.
   *
   * @throws IllegalArgumentException if the orders do not fit the inputs
   */
  public static PreparedAttention prepare(
      AttentionKernel kernel, AttentionInputs inputs, TokenOrders orders) {
    AttentionShape shape = inputs.shape();
    if (orders.tokens() != shape.tokens()) {
      throw new IllegalArgumentException(
          "token orders are for " + orders.tokens() + " tokens, the shape has " + shape.tokens());
    }
    for (List<TokenOrder> list : List.of(orders.query(), orders.key())) {
      if (list.size() != 1 && list.size() != shape.heads()) {
        throw new IllegalArgumentException(
            "token orders are for " + list.size() + " heads, the shape has " + shape.heads());
      }
    }
    return orders.areIdentity()
        ? kernel.prepare(inputs)
        : new OrderedAttention(kernel, inputs, orders);
  }

  /** The shape that the kernel sees: with more key/value heads if keys have to be repeated. */
  public static AttentionShape shape(AttentionShape shape, TokenOrders orders) {
    return sharedKeys(shape, orders)
        ? shape
        : new AttentionShape(
            shape.batch(),
            shape.latentFrames(),
            shape.patchesPerFrame(),
            shape.textTokens(),
            shape.heads(),
            shape.heads(),
            shape.headDim());
  }

  /** Whether heads that share keys want them in the same order. */
  private static boolean sharedKeys(AttentionShape shape, TokenOrders orders) {
    int group = shape.headsPerKvHead();
    for (int head = 0; head < orders.key().size(); head++) {
      if (!orders.key().get(head).equals(orders.key().get(head / group * group))) {
        return false;
      }
    }
    return true;
  }

  private static AttentionInputs move(AttentionInputs inputs, TokenOrders orders, Arena arena) {
    AttentionShape from = inputs.shape();
    AttentionShape to = shape(from, orders);
    DType dtype = inputs.dtype();
    MemorySegment query = arena.allocate(to.queryElements() * dtype.bytes(), 64);
    MemorySegment key = arena.allocate(to.keyElements() * dtype.bytes(), 64);
    MemorySegment value = arena.allocate(to.keyElements() * dtype.bytes(), 64);
    long vector = (long) from.headDim() * dtype.bytes();
    int stride = to.headsPerKvHead();
    List<TokenOrder> keyOrders =
        orders.key().size() == 1
            ? orders.key()
            : IntStream.range(0, to.kvHeads())
                .mapToObj(head -> orders.key().get(head * stride))
                .toList();
    TokenMoves queries =
        new TokenMoves(from.batch(), from.tokens(), from.heads(), to.heads(), vector);
    TokenMoves keys =
        new TokenMoves(from.batch(), from.tokens(), from.kvHeads(), to.kvHeads(), vector);
    queries.gather(inputs.query(), query, orders.query());
    keys.gather(inputs.key(), key, keyOrders);
    keys.gather(inputs.value(), value, keyOrders);
    return new AttentionInputs(to, dtype, query, key, value);
  }

  @Override
  public Preparation preparation() {
    return preparation;
  }

  /**
   * {@inheritDoc}
   *
   * @param layout refers to the tokens in their new order; a layout of frames would refer to frames
   *     that are not there any more, and is refused unless it is dense
   */
  @Override
  public KernelRun run(BlockSparseLayout layout, AttentionOutput output) {
    if (closed) {
      throw new IllegalStateException("the prepared attention is closed");
    }
    if (layout.isFrames() && !layout.isDense()) {
      throw new IllegalArgumentException(
          "a layout of frames does not fit tokens in another order, use one of token blocks");
    }
    output.check(shape);
    KernelRun run = prepared.run(layout, ordered);
    long start = System.nanoTime();
    int heads = shape.heads();
    new TokenMoves(
            shape.batch(), shape.tokens(), heads, heads, (long) shape.headDim() * Float.BYTES)
        .scatter(ordered.out(), output.out(), orders.query());
    output
        .logSumExp()
        .ifPresent(
            lse ->
                new TokenMoves(shape.batch(), shape.tokens(), heads, heads, Float.BYTES)
                    .scatter(ordered.logSumExp().orElseThrow(), lse, orders.query()));
    double millis = (System.nanoTime() - start) / 1e6;
    return new KernelRun(
        run.kernel(),
        run.kernelMillis(),
        run.prepareMillis() + millis,
        run.transferMillis(),
        run.extraBytes() + bytes);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      prepared.close();
      arena.close();
    }
  }
}
