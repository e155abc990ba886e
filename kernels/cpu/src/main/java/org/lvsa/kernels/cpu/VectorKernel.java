// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
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
 */
final class VectorKernel implements AttentionKernel {

  /** The name in result rows: vector width in lanes, and register tile. */
  static final String NAME = "vector-f32x" + Lanes.LENGTH + "-" + Lanes.ROWS + "x2";

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
    return PreparedAttention.direct(inputs, VectorKernel::attend);
  }

  private static KernelRun attend(AttentionProblem problem, AttentionOutput output) {
    AttentionShape shape = problem.shape();
    long start = System.nanoTime();

    int processors = Runtime.getRuntime().availableProcessors();
    ChunkList chunks = ChunkList.plan(shape, problem.layout(), chunkQueries(shape, processors));
    int threads = (int) Math.min(processors, chunks.total());
    int largest = chunks.mostBlocks() * Lanes.BLOCK;

    AtomicLong next = new AtomicLong();
    Runnable worker =
        () -> {
          ChunkAttention scratch = new ChunkAttention(problem, output, largest);
          for (long i = next.getAndIncrement(); i < chunks.total(); i = next.getAndIncrement()) {
            scratch.run(chunks.sequence(i), chunks.head(i), chunks.chunk(i));
          }
        };
    List<ForkJoinTask<?>> others =
        IntStream.range(1, threads)
            .<ForkJoinTask<?>>mapToObj(t -> ForkJoinPool.commonPool().submit(worker))
            .toList();
    worker.run();
    others.forEach(ForkJoinTask::join);
    return KernelRun.of(
        NAME,
        (System.nanoTime() - start) / 1e6,
        threads * ChunkAttention.scratchBytes(shape.headDim(), largest));
  }

  /**
   * The most queries per chunk. Large chunks fetch keys from memory less often, but every thread
   * should get several chunks, so that all threads end at about the same time.
   */
  private static int chunkQueries(AttentionShape shape, int processors) {
    long queries = shape.logSumExpElements();
    int most = ChunkAttention.MAX_QUERIES / Lanes.BLOCK;
    return Math.clamp(queries / (8L * processors * Lanes.BLOCK), 1, most) * Lanes.BLOCK;
  }
}
