// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The way of query, key and value from the caller into a program's buffers, and of the output and
 * the log-sum-exp back: straight, or through tasks that bring the tokens into another order on the
 * device. The output comes back by a graph of its own behind each attention graph, so that its time
 * is not the attention's.
 */
final class Passage {
  /**
   * How many orders of tokens there are. Their content may change without another compilation.
   *
   * @param givenKvHeads key/value heads of the caller's inputs; the program has as many, or one per
   *     query head
   * @param queryOrders 1, or one per query head
   * @param keyOrders 1, or one per key/value head of the program
   */
  record Orders(int givenKvHeads, int queryOrders, int keyOrders) {
    static Orders of(TokenOrders orders, AttentionShape given) {
      return new Orders(given.kvHeads(), orders.query().size(), orders.keyOrders(given).size());
    }
  }

  /**
   * A program's own arrays, which its kernels read and write.
   *
   * @param query {@code [batch, tokens, heads, headDim]}, float32 or 16-bit; so are key and value
   * @param logSumExp {@code [batch, tokens, heads]}
   */
  record Arrays(
      TornadoNativeArray query,
      TornadoNativeArray key,
      TornadoNativeArray value,
      FloatArray out,
      FloatArray logSumExp) {}

  private final AttentionShape shape;
  private final DType dtype;
  private final Optional<Orders> orders;
  private final Arrays program;

  /** What the caller's memory is copied from and to: the program's own where no token moves. */
  private final Arrays host;

  private final IntArray queryOrder;
  private final IntArray keyOrder;
  private final List<TaskGraph> back = new ArrayList<>();

  /**
   * @param shape the program's
   * @param orders empty if no token moves
   */
  Passage(AttentionShape shape, DType dtype, Optional<Orders> orders, Arrays program) {
    this.shape = shape;
    this.dtype = dtype;
    this.orders = orders;
    this.program = program;
    if (orders.isEmpty()) {
      host = program;
      queryOrder = new IntArray(1);
      keyOrder = new IntArray(1);
    } else {
      int keys = Math.toIntExact(givenKeyElements(shape, orders.get()));
      host =
          new Arrays(
              like(program.query(), Math.toIntExact(shape.queryElements())),
              like(program.key(), keys),
              like(program.value(), keys),
              new FloatArray(program.out().getSize()),
              new FloatArray(program.logSumExp().getSize()));
      queryOrder = new IntArray(Math.multiplyExact(orders.get().queryOrders(), shape.tokens()));
      keyOrder = new IntArray(Math.multiplyExact(orders.get().keyOrders(), shape.tokens()));
    }
  }

  private static TornadoNativeArray like(TornadoNativeArray array, int size) {
    return switch (array) {
      case FloatArray floats -> new FloatArray(size);
      case ShortArray shorts -> new ShortArray(size);
      case HalfFloatArray halves -> new HalfFloatArray(size);
      default -> throw new IllegalArgumentException("no passage for " + array.getClass());
    };
  }

  /** Number of elements of the keys that the caller gives. */
  private static long givenKeyElements(AttentionShape shape, Orders orders) {
    return shape.keyElements() / shape.kvHeads() * orders.givenKvHeads();
  }

  /** Number of bytes that the orders and what they need take on the device. */
  static long bytes(AttentionShape shape, DType dtype, Optional<Orders> orders) {
    return orders
        .map(
            some ->
                (shape.queryElements() + 2 * givenKeyElements(shape, some)) * dtype.bytes()
                    + (shape.queryElements() + shape.logSumExpElements()) * Float.BYTES
                    + (long) (some.queryOrders() + some.keyOrders())
                        * shape.tokens()
                        * Integer.BYTES)
        .orElse(0L);
  }

  /** The orders that there is room for. */
  Optional<Orders> orders() {
    return orders;
  }

  /** Adds what brings query, key and value to the program's arrays, before any other task. */
  void in(GraphTasks tasks) {
    TaskGraph inputs = tasks.graph();
    inputs.transferToDevice(
        DataTransferMode.EVERY_EXECUTION, host.query(), host.key(), host.value());
    if (orders.isPresent()) {
      inputs.transferToDevice(DataTransferMode.EVERY_EXECUTION, queryOrder, keyOrder);
      int heads = shape.heads();
      int kvHeads = shape.kvHeads();
      int given = orders.get().givenKvHeads();
      TokenMoves queries = new TokenMoves(shape, queryOrder, heads, heads, shape.headDim());
      TokenMoves keys = new TokenMoves(shape, keyOrder, given, kvHeads, shape.headDim());
      queries.gather(tasks, "orderQuery", host.query(), program.query());
      keys.gather(tasks, "orderKey", host.key(), program.key());
      keys.gather(tasks, "orderValue", host.value(), program.value());
    }
  }

  /**
   * A graph that computes attention from what another graph left on the device.
   *
   * @param inputs that graph, in which {@link #in} was called
   * @param consumed the arrays that it reads there
   */
  GraphTasks attention(String name, GraphTasks inputs, Object... consumed) {
    GraphTasks tasks =
        GraphTasks.of(name, inputs.device(), inputs.grids()).consume(inputs.name(), consumed);
    if (orders.isPresent()) {
      // TornadoVM hands buffers from the graph that ran last to the next one alone. So the graph
      // behind this one keeps them for the next run of this one.
      tasks.consume(behind(name), consumed);
    }
    return tasks;
  }

  private static String behind(String attention) {
    return "restore" + attention;
  }

  /**
   * Adds what brings the output from the program's arrays to the caller, behind every other task of
   * an attention graph, and makes the graph that follows it where tokens moved.
   *
   * @param consumed what {@link #attention} got
   */
  void out(GraphTasks tasks, Object... consumed) {
    TaskGraph attention = tasks.graph();
    if (orders.isEmpty()) {
      attention.transferToHost(DataTransferMode.EVERY_EXECUTION, host.out(), host.logSumExp());
      return;
    }
    attention.persistOnDevice(program.out(), program.logSumExp());
    GraphTasks restore =
        GraphTasks.of(behind(tasks.name()), tasks.device(), tasks.grids())
            .consume(tasks.name(), program.out(), program.logSumExp())
            .consume(tasks.name(), consumed);
    restore.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, queryOrder);
    int heads = shape.heads();
    new TokenMoves(shape, queryOrder, heads, heads, shape.headDim())
        .scatter(restore, "out", program.out(), host.out());
    new TokenMoves(shape, queryOrder, heads, heads, 1)
        .scatter(restore, "sums", program.logSumExp(), host.logSumExp());
    back.add(
        restore
            .graph()
            .transferToHost(DataTransferMode.EVERY_EXECUTION, host.out(), host.logSumExp()));
  }

  /** All graphs of a plan: these, then one behind each attention graph where tokens move. */
  TaskGraph[] graphs(GraphTasks inputs, GraphTasks... attention) {
    List<TaskGraph> all = new ArrayList<>(List.of(inputs.graph()));
    Stream.of(attention).map(GraphTasks::graph).forEach(all::add);
    all.addAll(back);
    return all.toArray(TaskGraph[]::new);
  }

  /** The graph that brings the output of an attention graph back; 0 if that graph did. */
  int restoreGraph(int attentionGraph) {
    return back.isEmpty() ? 0 : attentionGraph + back.size();
  }

  /** Copies the inputs to the host buffers that the device reads from. */
  void load(AttentionInputs inputs, Optional<TokenOrders> given) {
    copy(inputs.query(), host.query());
    copy(inputs.key(), host.key());
    copy(inputs.value(), host.value());
    given.ifPresent(
        some -> {
          fill(queryOrder, some.query());
          fill(keyOrder, some.keyOrders(inputs.shape()));
        });
  }

  /** Copies a tensor of the caller's to the front of a host buffer. */
  static void copy(MemorySegment from, TornadoNativeArray to) {
    MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
  }

  private static void fill(IntArray to, List<TokenOrder> orders) {
    long at = 0;
    for (TokenOrder order : orders) {
      MemorySegment source = MemorySegment.ofArray(order.source());
      MemorySegment.copy(source, 0, to.getSegment(), at, source.byteSize());
      at += source.byteSize();
    }
  }

  /** Receives the output. */
  FloatArray out() {
    return host.out();
  }

  /** Receives the log-sum-exps. */
  FloatArray logSumExp() {
    return host.logSumExp();
  }

  /** Number of bytes of the buffers that only orders need. */
  long bytes() {
    return bytes(shape, dtype, orders);
  }
}
