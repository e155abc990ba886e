// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.Memory;

/**
 * The memory that one geometry takes, judged before any of it is allocated.
 *
 * @param totalBytes all of it: inputs, two outputs, what making the inputs takes, and what the
 *     backend takes in addition
 * @param heapBytes the part that lies in the Java heap
 */
record MemoryNeed(long totalBytes, long heapBytes) {
  /** Left free for the JVM and everybody else. */
  private static final long RESERVED_BYTES = 512L << 20;

  /** ND4J holds at most this many float32 scores at a time. */
  private static final long ND4J_SCORES = 1L << 25;

  /** A need beyond what a long counts. */
  private static final MemoryNeed ENDLESS = new MemoryNeed(Long.MAX_VALUE, 0);

  /**
   * What a geometry needs on a backend.
   *
   * @param attendedFrames the most (query frame, key frame) pairs of its patterns
   */
  static MemoryNeed of(
      AttentionShape shape, DType dtype, InputSource input, String backend, long attendedFrames) {
    try {
      long query = Math.multiplyExact(elements(shape, shape.heads()), dtype.bytes());
      long key = Math.multiplyExact(elements(shape, shape.kvHeads()), dtype.bytes());
      long out = Math.multiplyExact(elements(shape, shape.heads()), Float.BYTES);
      long inputs = Math.addExact(query, Math.multiplyExact(2, key));
      long features = Activations.scratchBytes(input, shape);
      // CSR indices, the rows that they are joined from, and copies that kernels make.
      long layouts = Math.multiplyExact(4L * Integer.BYTES, attendedFrames);
      long heap = Math.addExact(features, layouts);
      long total = Math.addExact(Math.addExact(inputs, Math.multiplyExact(2, out)), heap);
      return new MemoryNeed(
          Math.addExact(total, extra(shape, backend, Math.addExact(inputs, out))), heap);
    } catch (ArithmeticException e) {
      return ENDLESS;
    }
  }

  private static long elements(AttentionShape shape, int heads) {
    long vectors = Math.multiplyExact((long) shape.batch() * shape.tokens(), heads);
    return Math.multiplyExact(vectors, shape.headDim());
  }

  /**
   * This, and what patterns of blocks take: in the Java heap the heads as they are looked at, and
   * for each pattern that moves tokens query, key, value and output once more, in its order. Heads
   * that share keys may need copies of their own.
   */
  MemoryNeed withPatterns(AttentionShape shape, DType dtype, long moving) {
    try {
      long query = elements(shape, shape.heads());
      long inputs = Math.multiplyExact(3L * dtype.bytes(), query);
      long ordered = Math.addExact(inputs, Math.multiplyExact(Float.BYTES, query));
      long heads = Math.multiplyExact(3L * Float.BYTES, query);
      long more = Math.addExact(Math.multiplyExact(moving, ordered), heads);
      return new MemoryNeed(Math.addExact(totalBytes, more), Math.addExact(heapBytes, heads));
    } catch (ArithmeticException e) {
      return ENDLESS;
    }
  }

  /** What a backend takes beyond inputs and outputs. */
  private static long extra(AttentionShape shape, String backend, long inputsAndOutput) {
    long tokens = shape.tokens();
    long threads = Runtime.getRuntime().availableProcessors();
    return switch (backend) {
      // One row of float64 scores per thread.
      case "reference" -> threads * Double.BYTES * (tokens + shape.headDim());
      // Tiles of keys, values and scores per thread: below a mebibyte each.
      case "vector" -> threads << 20;
      // One head at a time: query, key, value and output as arrays of its own, the gathered keys
      // and values, and the scores twice.
      case "nd4j" ->
          Math.addExact(
              Math.multiplyExact(6L * Float.BYTES, Math.multiplyExact(tokens, shape.headDim())),
              2 * Float.BYTES * Math.min(ND4J_SCORES, Math.multiplyExact(tokens, tokens)));
      // Staging: the inputs and the output once more, on their way to and from the device.
      default -> inputsAndOutput;
    };
  }

  /** Memory that sweeps may take now, in bytes; at least 0. */
  static long free() {
    return Math.max(Memory.available() - RESERVED_BYTES, 0);
  }

  /** Whether this fits in so much free memory, and in what is left of the Java heap. */
  boolean fits(long free) {
    return totalBytes <= free && heapBytes <= freeHeap();
  }

  /** What the Java heap may still grow by, with what is free in it, in bytes. */
  static long freeHeap() {
    Runtime runtime = Runtime.getRuntime();
    return runtime.maxMemory() - (runtime.totalMemory() - runtime.freeMemory());
  }

  /** For messages: {@code 512 MiB (20 MiB of Java heap)}. */
  String inWords() {
    return totalBytes == Long.MAX_VALUE
        ? "more memory than can be counted"
        : Math.ceilDiv(totalBytes, 1L << 20)
            + " MiB ("
            + Math.ceilDiv(heapBytes, 1L << 20)
            + " MiB of Java heap)";
  }
}
