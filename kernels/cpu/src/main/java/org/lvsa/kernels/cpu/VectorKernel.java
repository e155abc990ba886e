// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.PreparedAttention;

/**
 * Cuts a problem into {@link Chunk}s of queries of one head, which the threads of all cores take
 * one after another. All chunks of a head come before those of the next head, so that the cores
 * share the head's keys and values in the last-level cache.
 *
 * <p>How a problem is cut depends on the number of processors, on the cache's size and on the
 * register tile and on nothing else, so that the same run on the same machine gives the same bits
 * again.
 */
final class VectorKernel implements AttentionKernel {

  /** The name in result rows: vector width in lanes, and register tile. */
  static final String NAME =
      "vector-f32x" + Lanes.LENGTH + "-" + Blocking.ROWS + "x" + Blocking.COLUMNS;

  /** No chunk is larger, however large the cache, which two threads of a core may share. */
  static final int MAX_QUERIES = 512;

  private final Workers workers = new Workers(Runtime.getRuntime().availableProcessors());
  private final @Nullable ChunkAttention[] memories = new ChunkAttention[workers.count()];

  @Override
  public String device() {
    return VectorBackend.device();
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    return shape.headDim() > ChunkAttention.MAX_HEAD_DIM
        ? Optional.of(
            "headDim must be at most " + ChunkAttention.MAX_HEAD_DIM + ", got " + shape.headDim())
        : Optional.empty();
  }

  @Override
  public boolean runsBands() {
    return true;
  }

  @Override
  public PreparedAttention prepare(AttentionInputs inputs) {
    return PreparedAttention.direct(inputs, this::attend);
  }

  private KernelRun attend(AttentionProblem problem, AttentionOutput output) {
    AttentionShape shape = problem.shape();
    long start = System.nanoTime();

    int most = mostQueries(shape.headDim(), CacheSize.secondLevel());
    ChunkList chunks = ChunkList.plan(shape, problem.layout(), most, workers.count());
    int threads = (int) Math.min(workers.count(), chunks.total());
    int largest = chunks.mostBlocks() * Blocking.BLOCK;

    AtomicLong next = new AtomicLong();
    workers.run(
        threads,
        thread -> {
          ChunkAttention memory = memory(thread, shape.headDim(), largest);
          for (long i = next.getAndIncrement(); i < chunks.total(); i = next.getAndIncrement()) {
            memory.run(problem, output, chunks.sequence(i), chunks.head(i), chunks.chunk(i));
          }
        });
    return KernelRun.of(
        NAME,
        (System.nanoTime() - start) / 1e6,
        threads * ChunkAttention.scratchBytes(shape.headDim(), largest));
  }

  /** The memory of a thread, which is kept for later runs. */
  private ChunkAttention memory(int thread, int headDim, int queries) {
    ChunkAttention kept = memories[thread];
    if (kept == null || !kept.fits(headDim, queries)) {
      memories[thread] = new ChunkAttention(headDim, queries);
    }
    return memories[thread];
  }

  /**
   * The most queries per chunk. Large chunks fetch keys from memory less often; a chunk's queries
   * and outputs and one tile of keys and values should take three quarters of the second-level
   * cache, and leave the rest to what is read next.
   */
  static int mostQueries(int headDim, int cacheBytes) {
    long tile = KeyTile.floats(headDim) * (long) Float.BYTES;
    long room = (cacheBytes / 4 * 3L - tile) / (2L * headDim * Float.BYTES);
    return Math.clamp(room, Blocking.BLOCK, MAX_QUERIES) / Blocking.BLOCK * Blocking.BLOCK;
  }

  @Override
  public void close() {
    workers.close();
    Arrays.fill(memories, null);
  }
}
