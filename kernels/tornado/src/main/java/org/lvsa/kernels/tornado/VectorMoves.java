// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task10;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The kernels that bring tokens heads first and back, for one type of activations.
 *
 * @param gather {@link FloatVectorMoves#gather}
 * @param scatter {@link FloatVectorMoves#scatter}
 * @param unit elements that a thread moves at once
 */
record VectorMoves<A>(Kernel<A> gather, Kernel<A> scatter, int unit) {
  /** Work-groups of a move. */
  private static final int GROUPS = 2048;

  /** A kernel of either direction. */
  interface Kernel<A>
      extends Task10<
          KernelContext, A, A, IntArray, Integer, Integer, Integer, Integer, Integer, Integer> {}

  /**
   * Runs of tokens, in numbers as the kernels read them.
   *
   * @param numbers that the device reads
   * @param at where they begin
   * @param longest number of tokens of the longest run
   */
  record Runs(IntArray numbers, int at, int longest) {
    /** Numbers of so many runs. */
    static int size(int runs) {
      return 1 + runs * FloatVectorMoves.RUN;
    }

    /** One run: the first tokens of a sequence, at the front of the first slot. */
    static Runs first(int tokens) {
      Runs one = new Runs(new IntArray(size(1)), 0, tokens);
      one.fill(List.of(new Run(0, 0, 0, tokens)));
      return one;
    }

    /** Writes the runs. */
    void fill(List<Run> runs) {
      numbers.set(at, runs.size());
      int next = at + 1;
      for (Run run : runs) {
        numbers.set(next++, run.slot);
        numbers.set(next++, run.slotToken);
        numbers.set(next++, run.token);
        numbers.set(next++, run.tokens);
      }
    }
  }

  /**
   * Consecutive tokens.
   *
   * @param slot where they belong
   * @param slotToken the first one's place there
   * @param token the first one in the sequence
   * @param tokens how many
   */
  record Run(int slot, int slotToken, int token, int tokens) {}

  /**
   * Adds a task that fills the slots of a call.
   *
   * @param from {@code [tokens, heads, headDim]}
   * @param to {@code [slots, heads, slotTokens, headDim]}
   */
  void gather(GraphTasks tasks, String name, Runs runs, A from, A to, Vectors slots) {
    add(tasks, name, gather, runs, from, to, slots);
  }

  /** Adds a task that brings what lies in slots back to the tokens. */
  void scatter(GraphTasks tasks, String name, Runs runs, A from, A to, Vectors slots) {
    add(tasks, name, scatter, runs, from, to, slots);
  }

  /**
   * The vectors of a slot.
   *
   * @param tokens of a slot
   */
  record Vectors(int heads, int tokens, int headDim) {}

  private void add(
      GraphTasks tasks, String name, Kernel<A> kernel, Runs runs, A from, A to, Vectors slots) {
    int units = slots.headDim / unit;
    tasks.perThread(name, GROUPS * FloatVectorMoves.THREADS);
    tasks
        .graph()
        .task(
            name,
            kernel,
            new KernelContext(),
            from,
            to,
            runs.numbers,
            runs.at,
            slots.heads,
            slots.tokens,
            units,
            Math.ceilDiv(Math.multiplyExact(runs.longest, units), FloatVectorMoves.CHUNK),
            GROUPS);
  }
}
