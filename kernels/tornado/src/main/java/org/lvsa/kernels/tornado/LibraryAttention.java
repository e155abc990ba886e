// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.tornado.VectorMoves.Run;
import org.lvsa.kernels.tornado.VectorMoves.Runs;
import org.lvsa.kernels.tornado.VectorMoves.Vectors;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A library's attention on a block's own buffers. It wants heads first, so tokens are brought there
 * and back on the device. A dense layout is one call; a layout of frames takes a call for several
 * query frames, whose keys and values are gathered before it. All calls use the same four buffers.
 *
 * <p>The sizes of calls are fixed when the tasks are made: a layout that needs other ones needs
 * another plan, see {@link #holds}. Calls that a layout does not need run in vain.
 *
 * @param <A> the array type of activations
 */
final class LibraryAttention<A extends TornadoNativeArray> implements DeviceAttention<A> {
  /**
   * A library.
   *
   * @param name for result rows
   * @param moves that bring tokens to it and back
   */
  record Library<A>(String name, Sdpa sdpa, VectorMoves<A> moves) {}

  /**
   * Calls that a plan has, and what moves before and after each of them.
   *
   * @param queries for each call, the queries that it computes
   * @param keys for each call, the keys that it does not find in their places
   */
  private record Part(LibraryCalls calls, List<Runs> queries, List<Runs> keys) {
    static Part allocate(LibraryCalls calls, int longest) {
      Sdpa.Sizes size = calls.size();
      int slots = size.batch();
      // A slot's keys may be gathered frame by frame.
      int perSlot = Math.max(1, size.keys() / size.queries());
      return new Part(
          calls, runs(calls, slots, size.queries()), runs(calls, slots * perSlot, longest));
    }

    private static List<Runs> runs(LibraryCalls calls, int most, int longest) {
      IntArray numbers = new IntArray(Math.multiplyExact(calls.rounds(), Runs.size(most)));
      List<Runs> all = new ArrayList<>();
      for (int round = 0; round < calls.rounds(); round++) {
        all.add(new Runs(numbers, round * Runs.size(most), longest));
      }
      return all;
    }
  }

  private final Library<A> library;
  private final Activations<A> activations;
  private final AttentionShape shape;
  private final LibraryCalls.Room room;
  private final List<Part> parts;
  private final Runs whole;
  private final Map<Cross, Runs> told = new EnumMap<>(Cross.class);

  /** Heads first: {@code [slots, heads, tokens, headDim]}. */
  private final A query;

  private final A key;
  private final A value;
  private final A out;
  private final FloatArray scratch;

  /**
   * @param calls that the plan has, in the order in which they run
   * @param room of calls
   */
  LibraryAttention(
      Library<A> library,
      Activations<A> activations,
      Sizes sizes,
      List<LibraryCalls> calls,
      LibraryCalls.Room room) {
    this.library = library;
    this.activations = activations;
    this.room = room;
    shape = sizes.self();
    parts = calls.stream().map(one -> Part.allocate(one, longest(one))).toList();
    whole = Runs.first(shape.tokens());
    told.put(Cross.TEXT, Runs.first(sizes.textTokens()));
    if (sizes.pictureTokens() > 0) {
      told.put(Cross.PICTURES, Runs.first(sizes.pictureTokens()));
    }
    query = activations.array(queryElements(sizes, calls));
    key = activations.array(keyElements(sizes, calls));
    value = activations.array(keyElements(sizes, calls));
    out = activations.array(queryElements(sizes, calls));
    scratch = new FloatArray(Math.toIntExact(shape.queryElements()));
  }

  /** Tokens of the longest run of keys: all of them, or a frame. */
  private int longest(LibraryCalls calls) {
    return calls.size().queries() == shape.tokens() ? shape.tokens() : shape.patchesPerFrame();
  }

  private static long queryElements(Sizes sizes, List<LibraryCalls> calls) {
    AttentionShape shape = sizes.self();
    long most =
        calls.stream()
            .map(LibraryCalls::size)
            .mapToLong(size -> (long) size.batch() * size.queries())
            .max()
            .orElse(0);
    return Math.max(most, shape.tokens()) * shape.heads() * shape.headDim();
  }

  private static long keyElements(Sizes sizes, List<LibraryCalls> calls) {
    AttentionShape shape = sizes.self();
    long most =
        calls.stream()
            .map(LibraryCalls::size)
            .mapToLong(size -> (long) size.batch() * size.keys())
            .max()
            .orElse(0);
    int others = Math.max(sizes.textTokens(), sizes.pictureTokens());
    return Math.max(most, others) * shape.heads() * shape.headDim();
  }

  /**
   * Device memory of these buffers.
   *
   * @param elementBytes of an activation
   */
  static long bytes(Sizes sizes, List<LibraryCalls> calls, int elementBytes) {
    return 2 * (queryElements(sizes, calls) + keyElements(sizes, calls)) * elementBytes
        + sizes.self().queryElements() * Float.BYTES;
  }

  /** As {@link #bytes}, of a dense layout. */
  static long denseBytes(Sizes sizes, int elementBytes) {
    return bytes(sizes, List.of(LibraryCalls.dense(sizes.self())), elementBytes);
  }

  /**
   * What calls have room for on a device.
   *
   * @param free bytes of device memory for these buffers
   * @param copies tasks of the graph that bring a block's weights
   */
  static LibraryCalls.Room room(
      Sizes sizes, BlockSparseLayout layout, long free, int elementBytes, int copies) {
    AttentionShape shape = sizes.self();
    int keyFrames = 1;
    if (layout.isFrames()) {
      for (int frame = 0; frame < layout.queryFrames(); frame++) {
        keyFrames = Math.max(keyFrames, layout.count(frame));
      }
    }
    long slot = (long) keyFrames * shape.patchesPerFrame() * shape.heads() * shape.headDim();
    long keys = free - bytes(sizes, List.of(), elementBytes);
    // TornadoVM counts the elements of an array as int.
    long most = Math.min(keys / (2 * slot * elementBytes), Integer.MAX_VALUE / slot);
    int slots = (int) Math.max(1, most);
    return new LibraryCalls.Room(
        Math.min(slots, SdpaKernel.MOST_SLOTS),
        slots,
        GraphRoom.calls(sizes.pictureTokens() > 0, copies));
  }

  @Override
  public String kernel() {
    return library.name() + "-sdpa";
  }

  @Override
  public boolean holds(BlockSparseLayout layout) {
    List<LibraryCalls> own = parts.stream().map(Part::calls).toList();
    return own.containsAll(
        LibraryCalls.of(shape, layout, room).stream().map(LibraryCalls.Part::calls).toList());
  }

  @Override
  public void fill(BlockSparseLayout layout, int textTokens) {
    List<LibraryCalls.Part> needed = LibraryCalls.of(shape, layout, room);
    for (Part part : parts) {
      Optional<LibraryCalls.Part> one =
          needed.stream().filter(other -> other.calls().equals(part.calls)).findFirst();
      for (int round = 0; round < part.calls.rounds(); round++) {
        int at = round;
        part.queries.get(round).fill(one.map(its -> queries(its, at)).orElse(List.of()));
        part.keys.get(round).fill(one.map(its -> keys(its, at)).orElse(List.of()));
      }
    }
  }

  private List<Run> queries(LibraryCalls.Part part, int round) {
    if (part.frames().isEmpty()) {
      return List.of(new Run(0, 0, 0, shape.tokens()));
    }
    List<Run> runs = new ArrayList<>();
    int[] numbers = part.frames().get(round).queries();
    for (int slot = 0; slot < numbers.length / 2; slot++) {
      int token = numbers[2 * slot + 1];
      if (token != FrameBatch.IDLE) {
        runs.add(new Run(slot, 0, token, shape.patchesPerFrame()));
      }
    }
    return runs;
  }

  private List<Run> keys(LibraryCalls.Part part, int round) {
    if (part.frames().isEmpty()) {
      return List.of(new Run(0, 0, 0, shape.tokens()));
    }
    List<Run> runs = new ArrayList<>();
    int[] numbers = part.frames().get(round).moves();
    for (int i = 0; i < numbers.length; i += SdpaKernels.MOVE) {
      runs.add(new Run(numbers[i], numbers[i + 1], numbers[i + 3], numbers[i + 4]));
    }
    return runs;
  }

  @Override
  public List<IntArray> layout() {
    List<IntArray> all = new ArrayList<>();
    for (Part part : parts) {
      all.add(part.queries.getFirst().numbers());
      all.add(part.keys.getFirst().numbers());
    }
    return all;
  }

  @Override
  public List<IntArray> constants() {
    List<IntArray> all = new ArrayList<>(List.of(whole.numbers()));
    told.values().forEach(runs -> all.add(runs.numbers()));
    return all;
  }

  @Override
  public A values() {
    return activations.array(shape.keyElements());
  }

  @Override
  public A values(Cross what) {
    return activations.array((long) told.get(what).longest() * shape.heads() * shape.headDim());
  }

  @Override
  public A self(GraphTasks tasks, A from, A keys, A values, A spare) {
    tasks.perThread("scratch", 1);
    tasks.graph().task("scratch", SdpaKernels::touch, new KernelContext(), scratch);
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      for (int round = 0; round < part.calls.rounds(); round++) {
        String name = "attention" + i + "round" + round;
        Call call = new Call(part.calls.size(), part.queries.get(round), part.keys.get(round));
        add(tasks, name, call, new Tensors<>(from, keys, values, spare));
      }
    }
    return spare;
  }

  @Override
  public void cross(GraphTasks tasks, Cross what, A from, A keys, A values, A to) {
    Runs others = told.get(what);
    Sdpa.Sizes size =
        new Sdpa.Sizes(1, shape.heads(), shape.tokens(), others.longest(), shape.headDim());
    String name = what == Cross.TEXT ? "crossAttention" : "pictureAttention";
    add(tasks, name, new Call(size, whole, others), new Tensors<>(from, keys, values, to));
  }

  /** One call, and what moves before and after it. */
  private record Call(Sdpa.Sizes size, Runs queries, Runs keys) {}

  /** A block's buffers, tokens first. */
  private record Tensors<A>(A query, A key, A value, A out) {}

  private void add(GraphTasks tasks, String name, Call call, Tensors<A> tensors) {
    VectorMoves<A> moves = library.moves();
    Sdpa.Sizes size = call.size;
    Vectors queries = new Vectors(size.heads(), size.queries(), size.headDim());
    Vectors keys = new Vectors(size.heads(), size.keys(), size.headDim());
    moves.gather(tasks, name + "Query", call.queries, tensors.query, query, queries);
    moves.gather(tasks, name + "Key", call.keys, tensors.key, key, keys);
    moves.gather(tasks, name + "Value", call.keys, tensors.value, value, keys);
    library.sdpa().add(tasks, name, new Sdpa.Tensors(query, key, value, out), size);
    moves.scatter(tasks, name + "Out", call.queries, out, tensors.out, queries);
  }

  @Override
  public FloatArray scratch() {
    return scratch;
  }
}
