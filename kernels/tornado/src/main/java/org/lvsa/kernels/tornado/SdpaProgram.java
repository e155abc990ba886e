// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Buffers and task graphs of a library's attention for one shape and type: {@code inputs} brings
 * query, key and value heads first, and to fp16; {@code dense} is one call; {@code text} computes
 * the text's queries, and one graph per size of a call a round of query frames; {@code result}
 * copies the output to the host. Every graph takes the four tensors over from whatever graph ran
 * before it, since TornadoVM hands buffers from the last graph to the next one alone.
 */
final class SdpaProgram implements AutoCloseable {
  private static final String INPUTS = "sdpaInputs";
  private static final String DENSE = "sdpaDense";
  private static final String TEXT = "sdpaText";
  private static final String FRAMES = "sdpaFrames";
  private static final String RESULT = "sdpaResult";

  /** Work-groups of a task whose groups share the work evenly. */
  private static final int GROUPS = 2048;

  /** A number below this loses digits in the fp16 output of an average over many keys. */
  private static final float LARGE = 0x1p-8f;

  private static final float LARGEST_HALF = 65504;

  private final AttentionShape shape;
  private final DType dtype;
  private final List<FrameBatch.Size> sizes;
  private final Sdpa sdpa;
  private final TornadoTarget device;
  private final GridScheduler grids = new GridScheduler();
  private final List<String> names = new ArrayList<>();
  private final LongArray[] given;
  private final LongArray query;
  private final LongArray key;
  private final LongArray value;
  private final FloatArray out;
  private final FloatArray powers = SdpaKernels.powers();

  /** For query, key and value in turn: too large for fp16, large enough, not zero. */
  private final IntArray flags = new IntArray(9);

  /** For each size, the slots' queries and moves of a round. */
  private final List<IntArray> queries = new ArrayList<>();

  private final List<IntArray> moves = new ArrayList<>();
  private final DevicePlan plan;
  private final long bytes;

  /**
   * @param sizes of the calls that compute frames
   */
  SdpaProgram(
      AttentionShape shape,
      DType dtype,
      TornadoTarget device,
      Sdpa sdpa,
      List<FrameBatch.Size> sizes) {
    this.shape = shape;
    this.dtype = dtype;
    this.device = device;
    this.sdpa = sdpa;
    this.sizes = List.copyOf(sizes);
    bytes = bytes(shape, dtype, sizes);
    int queryWords = words(shape.queryElements());
    int keyWords = words(shape.keyElements());
    given =
        new LongArray[] {
          new LongArray(queryWords), new LongArray(keyWords), new LongArray(keyWords)
        };
    query = new LongArray(queryWords);
    key = new LongArray(queryWords);
    value = new LongArray(queryWords);
    out = new FloatArray(Math.toIntExact(shape.queryElements()));
    names.addAll(List.of(INPUTS, DENSE));
    if (shape.textTokens() > 0) {
      names.add(TEXT);
    }
    for (int i = 0; i < sizes.size(); i++) {
      names.add(FRAMES + i);
    }
    names.add(RESULT);
    List<TaskGraph> graphs = new ArrayList<>(List.of(inputsGraph(), denseGraph()));
    if (shape.textTokens() > 0) {
      graphs.add(textGraph());
    }
    for (int i = 0; i < sizes.size(); i++) {
      graphs.add(framesGraph(FRAMES + i, sizes.get(i)));
    }
    graphs.add(resultGraph());
    plan = new DevicePlan(device, grids, DevicePlan.UNLIMITED, graphs.toArray(TaskGraph[]::new));
  }

  /** Number of words that hold so many halves. */
  private static int words(long elements) {
    return Math.toIntExact(elements / 4);
  }

  /** Number of bytes of the buffers of all graphs. */
  static long bytes(AttentionShape shape, DType dtype, List<FrameBatch.Size> sizes) {
    long half = DType.F16.bytes();
    long tensor = shape.queryElements();
    // As given, heads first, the dense call's output, the float32 output; the table of narrow.
    long all =
        half * (tensor + 2 * shape.keyElements() + 4 * tensor)
            + Float.BYTES * tensor
            + (dtype == DType.BF16 ? Integer.BYTES << 16 : 0);
    all += 2 * half * shape.batch() * shape.textTokens() * shape.heads() * shape.headDim();
    for (FrameBatch.Size size : sizes) {
      all += slotBytes(shape, size.keyFrames()) * size.slots();
    }
    return all + (1 << 20);
  }

  /** Number of bytes that one slot takes. */
  static long slotBytes(AttentionShape shape, int keyFrames) {
    long keys = (long) keyFrames * shape.patchesPerFrame() + shape.textTokens();
    return 2
            * (keys + shape.patchesPerFrame())
            * shape.heads()
            * shape.headDim()
            * DType.F16.bytes()
        + (keyFrames + 1L) * SdpaKernels.MOVE * Integer.BYTES;
  }

  private TaskGraph inputsGraph() {
    TaskGraph graph =
        DevicePlan.graph(INPUTS, device)
            .transferToDevice(DataTransferMode.EVERY_EXECUTION, (Object[]) given);
    int heads = shape.heads();
    if (dtype == DType.F16) {
      headsFirst(graph, "query", given[0], query, heads);
      headsFirst(graph, "key", given[1], key, shape.kvHeads());
      headsFirst(graph, "value", given[2], value, shape.kvHeads());
    } else {
      IntArray table = table();
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, table);
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, flags);
      narrow(graph, "query", given[0], query, table, 0, heads);
      narrow(graph, "key", given[1], key, table, 3, shape.kvHeads());
      narrow(graph, "value", given[2], value, table, 6, shape.kvHeads());
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, flags);
    }
    graph.task("touch", SdpaKernels::touch, new KernelContext(), out);
    grid(graph, "touch", 1);
    return graph.persistOnDevice(query, key, value, out);
  }

  private void headsFirst(
      TaskGraph graph, String name, LongArray from, LongArray to, int fromHeads) {
    graph.task(
        name,
        SdpaKernels::headsFirst,
        new KernelContext(),
        from,
        to,
        shape.tokens(),
        fromHeads,
        shape.heads(),
        shape.headDim() / 4,
        to.getSize());
    grid(graph, name, to.getSize());
  }

  private void narrow(
      TaskGraph graph,
      String name,
      LongArray from,
      LongArray to,
      IntArray table,
      int flag,
      int fromHeads) {
    graph.task(
        name,
        SdpaKernels::narrow,
        new KernelContext(),
        from,
        to,
        table,
        flags,
        flag,
        shape.tokens(),
        fromHeads,
        shape.heads(),
        shape.headDim() / 4,
        to.getSize());
    grid(graph, name, to.getSize());
  }

  /**
   * For every bf16 the bits of the nearest fp16, and what {@link SdpaKernels#narrow} is to flag.
   */
  private static IntArray table() {
    IntArray table = new IntArray(1 << 16);
    for (int bits = 0; bits < table.getSize(); bits++) {
      float number = DType.bfloat16ToFloat((short) bits);
      float size = Math.abs(number);
      int entry = Short.toUnsignedInt(Float.floatToFloat16(number));
      if (size > LARGEST_HALF && Float.isFinite(number)) {
        entry |= SdpaKernels.TOO_LARGE;
      }
      if (!(size < LARGE)) {
        entry |= SdpaKernels.LARGE;
      }
      if (size != 0) {
        entry |= SdpaKernels.NOT_ZERO;
      }
      table.set(bits, entry);
    }
    return table;
  }

  /** A graph that finds the four tensors on the device, whatever graph of the plan ran last. */
  private TaskGraph graph(String name) {
    TaskGraph graph = DevicePlan.graph(name, device);
    for (String before : names) {
      if (!before.equals(name)) {
        graph.consumeFromDevice(before, query, key, value, out);
      }
    }
    return graph;
  }

  private TaskGraph denseGraph() {
    TaskGraph graph = graph(DENSE);
    LongArray result = new LongArray(query.getSize());
    int tokens = shape.tokens();
    sdpa.add(
        graph,
        grids,
        "sdpa",
        new Sdpa.Tensors(query, key, value, result),
        new Sdpa.Sizes(shape.batch(), shape.heads(), tokens, tokens, shape.headDim()));
    IntArray all = new IntArray(2 * shape.batch());
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      all.set(2 * sequence, sequence);
      all.set(2 * sequence + 1, 0);
    }
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, all, powers);
    write(graph, result, all, tokens);
    return graph.persistOnDevice(query, key, value, out);
  }

  private TaskGraph textGraph() {
    TaskGraph graph = graph(TEXT);
    int text = shape.textTokens();
    int words = words((long) shape.batch() * text * shape.heads() * shape.headDim());
    LongArray textQuery = new LongArray(words);
    LongArray result = new LongArray(words);
    IntArray all = new IntArray(2 * shape.batch());
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      all.set(2 * sequence, sequence);
      all.set(2 * sequence + 1, shape.videoTokens());
    }
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, all, powers);
    copyQueries(graph, textQuery, all, text);
    sdpa.add(
        graph,
        grids,
        "sdpa",
        new Sdpa.Tensors(textQuery, key, value, result),
        new Sdpa.Sizes(shape.batch(), shape.heads(), text, shape.tokens(), shape.headDim()));
    write(graph, result, all, text);
    return graph.persistOnDevice(query, key, value, out);
  }

  private TaskGraph framesGraph(String name, FrameBatch.Size size) {
    TaskGraph graph = graph(name);
    int patches = shape.patchesPerFrame();
    int heads = shape.heads();
    int slotTokens = size.keyFrames() * patches + shape.textTokens();
    long vectors = (long) size.slots() * heads;
    LongArray slotQuery = new LongArray(words(vectors * patches * shape.headDim()));
    LongArray slotKey = new LongArray(words(vectors * slotTokens * shape.headDim()));
    LongArray slotValue = new LongArray(slotKey.getSize());
    LongArray slotOut = new LongArray(slotQuery.getSize());
    IntArray slots = new IntArray(2 * size.slots());
    IntArray runs = new IntArray(1 + size.slots() * (size.keyFrames() + 1) * SdpaKernels.MOVE);
    queries.add(slots);
    moves.add(runs);
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, slots, runs);
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, powers);
    int words = shape.headDim() / 4;
    int chunks = Math.ceilDiv(Math.max(patches, shape.textTokens()) * words, SdpaKernels.CHUNK);
    graph.task(
        "keys",
        SdpaKernels::copyKeys,
        new KernelContext(),
        key,
        value,
        slotKey,
        slotValue,
        runs,
        heads,
        shape.tokens(),
        slotTokens,
        words,
        chunks,
        GROUPS);
    grid(graph, "keys", GROUPS * SdpaKernels.THREADS);
    copyQueries(graph, slotQuery, slots, patches);
    sdpa.add(
        graph,
        grids,
        "sdpa",
        new Sdpa.Tensors(slotQuery, slotKey, slotValue, slotOut),
        new Sdpa.Sizes(size.slots(), heads, patches, slotTokens, shape.headDim()));
    write(graph, slotOut, slots, patches);
    // The next round finds the keys of this one.
    return graph.persistOnDevice(query, key, value, out, slotKey, slotValue, slotQuery, slotOut);
  }

  private void copyQueries(TaskGraph graph, LongArray to, IntArray slots, int count) {
    graph.task(
        "queries",
        SdpaKernels::copyQueries,
        new KernelContext(),
        query,
        to,
        slots,
        shape.heads(),
        shape.tokens(),
        count,
        shape.headDim() / 4,
        to.getSize());
    grid(graph, "queries", to.getSize());
  }

  private void write(TaskGraph graph, LongArray from, IntArray slots, int count) {
    int size = Math.toIntExact(4L * from.getSize());
    graph.task(
        "write",
        SdpaKernels::writeOutput,
        new KernelContext(),
        from,
        out,
        slots,
        powers,
        shape.heads(),
        shape.tokens(),
        count,
        shape.headDim(),
        size);
    grid(graph, "write", size);
  }

  private TaskGraph resultGraph() {
    TaskGraph graph = graph(RESULT);
    graph.task("rewrite", SdpaKernels::rewrite, new KernelContext(), out);
    grid(graph, "rewrite", 1);
    return graph
        .persistOnDevice(query, key, value)
        .transferToHost(DataTransferMode.EVERY_EXECUTION, out);
  }

  private void grid(TaskGraph graph, String task, int threads) {
    int groups = Math.ceilDiv(threads, SdpaKernels.THREADS);
    WorkerGrid1D grid = new WorkerGrid1D(Math.multiplyExact(groups, SdpaKernels.THREADS));
    grid.setLocalWork(SdpaKernels.THREADS, 1, 1);
    grids.addWorkerGrid(graph.getTaskGraphName() + "." + task, grid);
  }

  /**
   * Brings inputs to the device.
   *
   * @throws KernelFailedException if fp16 cannot hold them
   */
  DevicePlan.Times load(AttentionInputs inputs) {
    Passage.copy(inputs.query(), given[0]);
    Passage.copy(inputs.key(), given[1]);
    Passage.copy(inputs.value(), given[2]);
    flags.init(0);
    DevicePlan.Times times = plan.inputs();
    if (dtype == DType.BF16) {
      checkFlags();
    }
    return times;
  }

  private void checkFlags() {
    String[] tensors = {"query", "key", "value"};
    for (int tensor = 0; tensor < tensors.length; tensor++) {
      if (flags.get(3 * tensor) != 0) {
        throw new KernelFailedException(
            "fp16, which the library computes with, does not hold the bf16 "
                + tensors[tensor]
                + ": it has numbers beyond 65504");
      }
    }
    if (flags.get(8) != 0 && flags.get(7) == 0) {
      throw new KernelFailedException(
          "fp16, which the library computes with, would lose digits of the bf16 value: all its"
              + " numbers are below "
              + LARGE);
    }
  }

  /** Computes everything in one call; returns the device's time in nanoseconds. */
  DevicePlan.Times dense() {
    return plan.attention(names.indexOf(DENSE));
  }

  /** Computes the text's queries, which attend to everything. */
  DevicePlan.Times text() {
    return plan.attention(names.indexOf(TEXT));
  }

  /** Computes a round of frames of one of the sizes. */
  DevicePlan.Times frames(FrameBatch.Size size, FrameBatch.Round round) {
    int at = sizes.indexOf(size);
    IntArray slots = queries.get(at);
    for (int i = 0; i < slots.getSize(); i++) {
      slots.set(i, round.queries()[i]);
    }
    IntArray runs = moves.get(at);
    runs.set(0, round.moves().length / SdpaKernels.MOVE);
    for (int i = 0; i < round.moves().length; i++) {
      runs.set(1 + i, round.moves()[i]);
    }
    return plan.attention(names.indexOf(FRAMES + at));
  }

  /** Copies the output to the host. */
  DevicePlan.Times result() {
    return plan.restore(names.indexOf(RESULT));
  }

  /** The output on the host, {@code [batch, tokens, heads, headDim]}. */
  FloatArray out() {
    return out;
  }

  AttentionShape shape() {
    return shape;
  }

  DType dtype() {
    return dtype;
  }

  /** The sizes of the calls that compute frames. */
  List<FrameBatch.Size> sizes() {
    return sizes;
  }

  /** Number of bytes of all buffers together. */
  long bytes() {
    return bytes;
  }

  /** The task graphs, for tests. */
  DevicePlan plan() {
    return plan;
  }

  @Override
  public void close() {
    plan.close();
  }
}
