// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Device kernels around a library's attention, which wants its tensors packed, {@code [batch,
 * heads, tokens, headDim]} in half precision. They move words: a {@code long} holds four half
 * precision numbers, so a thread moves eight bytes at once, and no driver needs the type itself.
 * {@code words} is the number of words of one vector, headDim / 4.
 */
final class SdpaKernels {
  /** Number of threads of a work-group. */
  static final int THREADS = 256;

  /** Words that a work-group of {@link #copyKeys} copies of each tensor at once. */
  static final int CHUNK = 4 * THREADS;

  /** Numbers per move, see {@link #copyKeys}. */
  static final int MOVE = 5;

  /** Set in {@link #narrow}'s table if fp16 has no finite number for a finite bf16. */
  static final int TOO_LARGE = 1 << 16;

  /** Set in {@link #narrow}'s table for numbers that are large enough to keep their digits. */
  static final int LARGE = 1 << 17;

  /** Set in {@link #narrow}'s table for numbers that are not zero. */
  static final int NOT_ZERO = 1 << 18;

  private SdpaKernels() {}

  /**
   * Vectors {@code [batch, tokens, fromHeads, headDim]} to {@code [batch, toHeads, tokens,
   * headDim]}, where {@code toHeads / fromHeads} heads in a row get the same vectors. A thread
   * moves one word of the {@code size} that are written.
   */
  static void headsFirst(
      KernelContext context,
      LongArray from,
      LongArray to,
      int tokens,
      int fromHeads,
      int toHeads,
      int words,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      to.set(i, from.get(headsFirstSource(i, tokens, fromHeads, toHeads, words)));
    }
  }

  /**
   * As {@link #headsFirst}, and turns bf16 into fp16: the low half of {@code table} at a number's
   * bits is the nearest fp16, the high half says what {@code flags} are to be set: {@link
   * #TOO_LARGE}, {@link #LARGE}, {@link #NOT_ZERO}, from {@code flag} on.
   */
  static void narrow(
      KernelContext context,
      LongArray from,
      LongArray to,
      IntArray table,
      IntArray flags,
      int flag,
      int tokens,
      int fromHeads,
      int toHeads,
      int words,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      long word = from.get(headsFirstSource(i, tokens, fromHeads, toHeads, words));
      int a = table.get((int) (word & 0xFFFF));
      int b = table.get((int) ((word >> 16) & 0xFFFF));
      int c = table.get((int) ((word >> 32) & 0xFFFF));
      int d = table.get((int) ((word >> 48) & 0xFFFF));
      long low = (a & 0xFFFF) + ((b & 0xFFFF) * 65536L);
      long high = (c & 0xFFFF) + ((d & 0xFFFF) * 65536L);
      to.set(i, low + (high << 32));
      int seen = a | b | c | d;
      if ((seen & TOO_LARGE) != 0) {
        flags.set(flag, 1);
      }
      if ((seen & LARGE) != 0) {
        flags.set(flag + 1, 1);
      }
      if ((seen & NOT_ZERO) != 0) {
        flags.set(flag + 2, 1);
      }
    }
  }

  private static int headsFirstSource(int i, int tokens, int fromHeads, int toHeads, int words) {
    int vector = i / words;
    int token = vector % tokens;
    int head = vector / tokens % toHeads;
    int sequence = vector / tokens / toHeads;
    int fromHead = head / (toHeads / fromHeads);
    return ((sequence * tokens + token) * fromHeads + fromHead) * words + i % words;
  }

  /**
   * Copies runs of keys and values, {@code [batch, heads, tokens, headDim]}, to the places that a
   * batch of queries reads, {@code [slot, heads, slotTokens, headDim]}. Work-groups share all
   * copies evenly, however many there are.
   *
   * @param moves the number of moves, then {@link #MOVE} numbers per move: slot, first token there,
   *     sequence, first token there, number of tokens
   * @param chunks number of chunks of {@link #CHUNK} words of the longest move and one head
   * @param groups number of work-groups
   */
  static void copyKeys(
      KernelContext context,
      LongArray key,
      LongArray value,
      LongArray slotKey,
      LongArray slotValue,
      IntArray moves,
      int heads,
      int tokens,
      int slotTokens,
      int words,
      int chunks,
      int groups) {
    int units = moves.get(0) * heads * chunks;
    for (int unit = context.groupIdx; unit < units; unit += groups) {
      int headMove = unit / chunks;
      int head = headMove % heads;
      int move = 1 + headMove / heads * MOVE;
      int to = ((moves.get(move) * heads + head) * slotTokens + moves.get(move + 1)) * words;
      int from = ((moves.get(move + 2) * heads + head) * tokens + moves.get(move + 3)) * words;
      int end = moves.get(move + 4) * words;
      int i = unit % chunks * CHUNK + context.localIdx;
      if (i + 3 * THREADS < end) {
        // Eight loads before the first store, so that they overlap.
        long k0 = key.get(from + i);
        long k1 = key.get(from + i + THREADS);
        long k2 = key.get(from + i + 2 * THREADS);
        long k3 = key.get(from + i + 3 * THREADS);
        long v0 = value.get(from + i);
        long v1 = value.get(from + i + THREADS);
        long v2 = value.get(from + i + 2 * THREADS);
        long v3 = value.get(from + i + 3 * THREADS);
        slotKey.set(to + i, k0);
        slotKey.set(to + i + THREADS, k1);
        slotKey.set(to + i + 2 * THREADS, k2);
        slotKey.set(to + i + 3 * THREADS, k3);
        slotValue.set(to + i, v0);
        slotValue.set(to + i + THREADS, v1);
        slotValue.set(to + i + 2 * THREADS, v2);
        slotValue.set(to + i + 3 * THREADS, v3);
      } else {
        for (int j = i; j < end; j += THREADS) {
          slotKey.set(to + j, key.get(from + j));
          slotValue.set(to + j, value.get(from + j));
        }
      }
    }
  }

  /**
   * Copies each slot's queries, {@code [batch, heads, tokens, headDim]}, to {@code [slot, heads,
   * queries, headDim]}. A thread moves one word of {@code size}.
   *
   * @param slots two numbers per slot: sequence, first token; a first token below 0 means that the
   *     slot is idle
   */
  static void copyQueries(
      KernelContext context,
      LongArray query,
      LongArray slotQuery,
      IntArray slots,
      int heads,
      int tokens,
      int queries,
      int words,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      int vector = i / words;
      int head = vector / queries % heads;
      int slot = vector / queries / heads;
      int first = slots.get(2 * slot + 1);
      if (first >= 0) {
        int token = first + vector % queries;
        int from = ((slots.get(2 * slot) * heads + head) * tokens + token) * words;
        slotQuery.set(i, query.get(from + i % words));
      }
    }
  }

  /**
   * Brings a batch's output, fp16 {@code [slot, heads, queries, headDim]}, to its place in the
   * float32 output, {@code [batch, tokens, heads, headDim]}. A thread writes one of {@code size}
   * numbers.
   *
   * @param slots as for {@link #copyQueries}
   * @param powers see {@link #half}
   */
  static void writeOutput(
      KernelContext context,
      LongArray slotOut,
      FloatArray out,
      IntArray slots,
      FloatArray powers,
      int heads,
      int tokens,
      int queries,
      int headDim,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      int vector = i / headDim;
      int head = vector / queries % heads;
      int slot = vector / queries / heads;
      int first = slots.get(2 * slot + 1);
      if (first >= 0) {
        int token = first + vector % queries;
        int to = ((slots.get(2 * slot) * tokens + token) * heads + head) * headDim + i % headDim;
        int bits = (int) ((slotOut.get(i / 4) >> (16 * (i % 4))) & 0xFFFF);
        out.set(to, half(bits, powers));
      }
    }
  }

  /**
   * The float32 of an fp16's bits, without the type itself.
   *
   * @param powers at an fp16's exponent field the factor of its fraction: 2^-24 for 0, 2^(field-25)
   *     for 1 to 30, infinity for 31; then NaN
   */
  static float half(int bits, FloatArray powers) {
    int exponent = (bits >> 10) & 31;
    int fraction = bits & 1023;
    int index = exponent;
    if (exponent == 31 && fraction != 0) {
      index = 32;
    }
    if (exponent != 0) {
      fraction += 1024;
    }
    float magnitude = fraction * powers.get(index);
    return (bits & 0x8000) == 0 ? magnitude : -magnitude;
  }

  /** The table that {@link #half} reads. */
  static FloatArray powers() {
    FloatArray powers = new FloatArray(33);
    powers.set(0, 0x1p-24f);
    for (int field = 1; field < 31; field++) {
      powers.set(field, Math.scalb(1f, field - 25));
    }
    powers.set(31, Float.POSITIVE_INFINITY);
    powers.set(32, Float.NaN);
    return powers;
  }

  /** Writes one element, so that TornadoVM keeps the array on the device. */
  static void touch(KernelContext context, FloatArray out) {
    if (context.globalIdx == 0) {
      out.set(0, 0f);
    }
  }

  /** Writes back one element: TornadoVM copies to the host only what a task of the graph writes. */
  static void rewrite(KernelContext context, FloatArray out) {
    if (context.globalIdx == 0) {
      out.set(0, out.get(0));
    }
  }
}
