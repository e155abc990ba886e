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

  private final AttentionShape shape;
  private final DType dtype;
  private final List<FrameBatch.Size> sizes;
  private final Sdpa sdpa;
  private final TornadoTarget device;
  private final GridScheduler grids = new GridScheduler();
  private final List<String> names = new ArrayList<>();
  private final SdpaInputs inputs;
  private final FloatArray out;
  private final FloatArray powers = SdpaKernels.powers();

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
    inputs = new SdpaInputs(shape, dtype);
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
    plan = new DevicePlan(grids, DevicePlan.UNLIMITED, graphs.toArray(TaskGraph[]::new));
  }

  /** Number of bytes of the buffers of all graphs. */
  static long bytes(AttentionShape shape, DType dtype, List<FrameBatch.Size> sizes) {
    long half = DType.F16.bytes();
    long tensor = shape.queryElements();
    // The dense call's output, and the float32 output.
    long all = SdpaInputs.bytes(shape, dtype) + (half + Float.BYTES) * tensor;
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
    GraphTasks tasks = GraphTasks.of(INPUTS, device, grids);
    inputs.add(tasks);
    tasks.perThread("touch", 1);
    tasks.graph().task("touch", SdpaKernels::touch, new KernelContext(), out);
    return keep(tasks);
  }

  /** A graph that finds the four tensors on the device, whatever graph of the plan ran last. */
  private GraphTasks graph(String name) {
    GraphTasks tasks = GraphTasks.of(name, device, grids);
    for (String before : names) {
      if (!before.equals(name)) {
        tasks.consume(before, inputs.query(), inputs.key(), inputs.value(), out);
      }
    }
    return tasks;
  }

  /** Leaves the four tensors on the device for the next graph. */
  private TaskGraph keep(GraphTasks tasks) {
    return tasks.graph().persistOnDevice(inputs.query(), inputs.key(), inputs.value(), out);
  }

  private TaskGraph denseGraph() {
    GraphTasks tasks = graph(DENSE);
    LongArray result = new LongArray(inputs.query().getSize());
    int tokens = shape.tokens();
    sdpa.add(
        tasks,
        "sdpa",
        new Sdpa.Tensors(inputs.query(), inputs.key(), inputs.value(), result),
        new Sdpa.Sizes(shape.batch(), shape.heads(), tokens, tokens, shape.headDim()));
    IntArray all = new IntArray(2 * shape.batch());
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      all.set(2 * sequence, sequence);
      all.set(2 * sequence + 1, 0);
    }
    tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, all, powers);
    write(tasks, result, all, tokens);
    return keep(tasks);
  }

  private TaskGraph textGraph() {
    GraphTasks tasks = graph(TEXT);
    int text = shape.textTokens();
    int words = SdpaInputs.words((long) shape.batch() * text * shape.heads() * shape.headDim());
    LongArray textQuery = new LongArray(words);
    LongArray result = new LongArray(words);
    IntArray all = new IntArray(2 * shape.batch());
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      all.set(2 * sequence, sequence);
      all.set(2 * sequence + 1, shape.videoTokens());
    }
    tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, all, powers);
    copyQueries(tasks, textQuery, all, text);
    sdpa.add(
        tasks,
        "sdpa",
        new Sdpa.Tensors(textQuery, inputs.key(), inputs.value(), result),
        new Sdpa.Sizes(shape.batch(), shape.heads(), text, shape.tokens(), shape.headDim()));
    write(tasks, result, all, text);
    return keep(tasks);
  }

  private TaskGraph framesGraph(String name, FrameBatch.Size size) {
    GraphTasks tasks = graph(name);
    int patches = shape.patchesPerFrame();
    int heads = shape.heads();
    int slotTokens = size.keyFrames() * patches + shape.textTokens();
    long vectors = (long) size.slots() * heads;
    LongArray slotQuery = new LongArray(SdpaInputs.words(vectors * patches * shape.headDim()));
    LongArray slotKey = new LongArray(SdpaInputs.words(vectors * slotTokens * shape.headDim()));
    LongArray slotValue = new LongArray(slotKey.getSize());
    LongArray slotOut = new LongArray(slotQuery.getSize());
    IntArray slots = new IntArray(2 * size.slots());
    IntArray runs = new IntArray(1 + size.slots() * (size.keyFrames() + 1) * SdpaKernels.MOVE);
    queries.add(slots);
    moves.add(runs);
    tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, slots, runs);
    tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, powers);
    int words = shape.headDim() / 4;
    int chunks = Math.ceilDiv(Math.max(patches, shape.textTokens()) * words, SdpaKernels.CHUNK);
    tasks.perThread("keys", GROUPS * SdpaKernels.THREADS);
    tasks
        .graph()
        .task(
            "keys",
            SdpaKernels::copyKeys,
            new KernelContext(),
            inputs.key(),
            inputs.value(),
            slotKey,
            slotValue,
            runs,
            heads,
            shape.tokens(),
            slotTokens,
            words,
            chunks,
            GROUPS);
    copyQueries(tasks, slotQuery, slots, patches);
    sdpa.add(
        tasks,
        "sdpa",
        new Sdpa.Tensors(slotQuery, slotKey, slotValue, slotOut),
        new Sdpa.Sizes(size.slots(), heads, patches, slotTokens, shape.headDim()));
    write(tasks, slotOut, slots, patches);
    // The next round finds the keys of this one.
    return keep(tasks).persistOnDevice(slotKey, slotValue, slotQuery, slotOut);
  }

  private void copyQueries(GraphTasks tasks, LongArray to, IntArray slots, int count) {
    tasks.perThread("queries", to.getSize());
    tasks
        .graph()
        .task(
            "queries",
            SdpaKernels::copyQueries,
            new KernelContext(),
            inputs.query(),
            to,
            slots,
            shape.heads(),
            shape.tokens(),
            count,
            shape.headDim() / 4,
            to.getSize());
  }

  private void write(GraphTasks tasks, LongArray from, IntArray slots, int count) {
    int size = Math.toIntExact(4L * from.getSize());
    tasks.perThread("write", size);
    tasks
        .graph()
        .task(
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
  }

  private TaskGraph resultGraph() {
    GraphTasks tasks = graph(RESULT);
    tasks.perThread("rewrite", 1);
    return tasks
        .graph()
        .task("rewrite", SdpaKernels::rewrite, new KernelContext(), out)
        .persistOnDevice(inputs.query(), inputs.key(), inputs.value())
        .transferToHost(DataTransferMode.EVERY_EXECUTION, out);
  }

  /**
   * Brings inputs to the device.
   *
   * @throws KernelFailedException if fp16 cannot hold them
   */
  DevicePlan.Times load(AttentionInputs tensors) {
    inputs.load(tensors);
    DevicePlan.Times times = plan.inputs();
    if (dtype == DType.BF16) {
      inputs.check();
    }
    return times;
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
