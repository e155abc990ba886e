// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task8;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Copies of one block's weights within the device, in words of four bytes. A task takes some
 * microseconds, however little it moves, so tensors of one size go together, up to four by a task;
 * and small ones, whatever their sizes, where the host's memory has them: those of a block lie one
 * behind the other in an array of their own, from which one task brings up to eleven.
 */
final class WeightCopies {
  /** Tensors that a task moves at most. */
  private static final int MOST = 4;

  /** Words that a thread moves; of three tensors one each. */
  private static final int WORDS = 4;

  /** Small tensors that a task brings at most. */
  private static final int MOST_SMALL = 11;

  /** Words of a small tensor at most. */
  private static final int SMALL = 1 << 16;

  /** {@link FloatTransformerKernels#spread}. */
  private interface Spread<A>
      extends Task15<
          KernelContext, IntArray, IntArray, IntArray, A, A, A, A, A, A, A, A, A, A, A> {}

  /** {@link FloatTransformerKernels#copyWords}. */
  private interface One<A>
      extends Task8<KernelContext, A, A, IntArray, Integer, Integer, Integer, Integer> {}

  /** {@link FloatTransformerKernels#copyGroup}. */
  private interface Group<A>
      extends Task15<
          KernelContext,
          A,
          A,
          A,
          A,
          A,
          A,
          A,
          A,
          IntArray,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  private static final One<TornadoNativeArray> ONE =
      onWords((One<IntArray>) FloatTransformerKernels::copyWords);

  private static final Group<TornadoNativeArray> GROUP =
      onWords((Group<IntArray>) FloatTransformerKernels::copyGroup);

  private static final Spread<TornadoNativeArray> SPREAD =
      onWords((Spread<IntArray>) FloatTransformerKernels::spread);

  /** What tensors of one task have in common. */
  private record Kind(int words, int first, int blocks) {}

  private record Copy(String name, TornadoNativeArray from, TornadoNativeArray to) {}

  /** A tensor that is brought with others. */
  private record Small(String name, WeightPart<?> from, TornadoNativeArray to, int words) {}

  private final Map<Kind, List<Copy>> copies = new LinkedHashMap<>();
  private final List<Small> small = new ArrayList<>();
  private final boolean fromHost;

  /**
   * @param fromHost whether the host's arrays have the weights, so that small ones can be put
   *     together there; they need not be sent by themselves then
   */
  WeightCopies(boolean fromHost) {
    this.fromHost = fromHost;
  }

  /**
   * The same kernel on arrays of any type: of an array it gets nothing but the memory.
   *
   * @see Bf16Activations
   */
  @SuppressWarnings("unchecked")
  private static <K> K onWords(Object kernel) {
    return (K) kernel;
  }

  /** Whether tensors of that many bytes are copied in words. */
  static boolean takes(long bytes) {
    return bytes % Integer.BYTES == 0;
  }

  /**
   * Whether a tensor is brought together with others of any size, from an array of their own.
   *
   * @param bytes of an element
   */
  static boolean isSmall(WeightPart<?> part, int bytes) {
    long all = (long) part.size() * bytes;
    return takes(all) && all / Integer.BYTES <= SMALL;
  }

  /**
   * Notes a tensor.
   *
   * @param name of the task, if the tensor is the first one of it
   * @param bytes of an element
   */
  void add(String name, WeightPart<?> from, TornadoNativeArray to, int bytes) {
    int words = Math.toIntExact((long) from.size() * bytes / Integer.BYTES);
    if (fromHost && isSmall(from, bytes)) {
      small.add(new Small(name, from, to, words));
      return;
    }
    copies
        .computeIfAbsent(new Kind(words, from.first(), from.blocks()), _ -> new ArrayList<>())
        .add(new Copy(name, from.array(), to));
  }

  /**
   * Adds the tasks.
   *
   * @param block one number: the block that is to be computed
   */
  void addTo(GraphTasks tasks, IntArray block) {
    for (int i = 0; i < small.size(); i += MOST_SMALL) {
      spread(tasks, block, small.subList(i, Math.min(small.size(), i + MOST_SMALL)));
    }
    copies.forEach(
        (kind, all) -> {
          for (int i = 0; i < all.size(); i += MOST) {
            List<Copy> some = all.subList(i, Math.min(all.size(), i + MOST));
            if (some.size() == 1) {
              one(tasks, block, kind, some.getFirst());
            } else {
              group(tasks, block, kind, some);
            }
          }
        });
  }

  private static void spread(GraphTasks tasks, IntArray block, List<Small> some) {
    int words = some.stream().mapToInt(Small::words).sum();
    int blocks = some.getFirst().from.blocks();
    IntArray all = new IntArray(Math.multiplyExact(blocks, words));
    IntArray ends = new IntArray(MOST_SMALL);
    ends.init(words);
    int begin = 0;
    for (int i = 0; i < some.size(); i++) {
      Small one = some.get(i);
      long bytes = (long) one.words * Integer.BYTES;
      for (int at = 0; at < blocks; at++) {
        long to = ((long) at * words + begin) * Integer.BYTES;
        MemorySegment.copy(one.from.array().getSegment(), at * bytes, all.getSegment(), to, bytes);
      }
      begin += one.words;
      ends.set(i, begin);
    }
    List<TornadoNativeArray> to = new ArrayList<>(some.stream().map(Small::to).toList());
    // As in a group, a place that is not needed has an array of its own.
    while (to.size() < MOST_SMALL) {
      to.add(new IntArray(1));
    }
    String name = some.getFirst().name;
    tasks.perThread(name, words);
    tasks
        .graph()
        .transferToDevice(DataTransferMode.FIRST_EXECUTION, all, ends)
        .task(
            name,
            SPREAD,
            new KernelContext(),
            all,
            ends,
            block,
            to.get(0),
            to.get(1),
            to.get(2),
            to.get(3),
            to.get(4),
            to.get(5),
            to.get(6),
            to.get(7),
            to.get(8),
            to.get(9),
            to.get(10));
  }

  /** Adds a grid of threads that have that many words each, and gives their number. */
  private static int threads(GraphTasks tasks, String name, int words, int each) {
    int groups = Math.ceilDiv(Math.ceilDiv(words, each), FloatTransformerKernels.THREADS);
    int threads = groups * FloatTransformerKernels.THREADS;
    tasks.perThread(name, threads);
    return threads;
  }

  private static void one(GraphTasks tasks, IntArray block, Kind kind, Copy copy) {
    int threads = threads(tasks, copy.name, kind.words, WORDS);
    tasks
        .graph()
        .task(
            copy.name,
            ONE,
            new KernelContext(),
            copy.from,
            copy.to,
            block,
            kind.first,
            kind.blocks,
            kind.words,
            threads);
  }

  private static void group(GraphTasks tasks, IntArray block, Kind kind, List<Copy> some) {
    String name = some.getFirst().name;
    int threads = threads(tasks, name, kind.words, WORDS / some.size());
    // A place that is not needed has arrays of its own, which nobody touches: TornadoVM 5.2.0
    // does not come to an end with a task that has one array twice.
    List<Copy> four = new ArrayList<>(some);
    while (four.size() < MOST) {
      four.add(new Copy(name, new IntArray(1), new IntArray(1)));
    }
    tasks
        .graph()
        .task(
            name,
            GROUP,
            new KernelContext(),
            four.get(0).from,
            four.get(0).to,
            four.get(1).from,
            four.get(1).to,
            four.get(2).from,
            four.get(2).to,
            four.get(3).from,
            four.get(3).to,
            block,
            kind.first,
            kind.blocks,
            kind.words,
            some.size(),
            threads);
  }
}
