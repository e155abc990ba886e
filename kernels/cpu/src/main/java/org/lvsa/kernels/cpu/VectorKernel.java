// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.KeyRanges;

/**
 * Cuts a problem into {@link Chunk}s of queries, a head each, and lets all cores take them in turn.
 * Heads are the outer order, so that the cores share a head's keys and values in the last-level
 * cache.
 */
final class VectorKernel implements AttentionKernel {

  @Override
  public String name() {
    return "vector-f32x" + Lanes.LENGTH + "-" + Lanes.ROWS + "x2";
  }

  @Override
  public String device() {
    return VectorBackend.device();
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    return Optional.empty();
  }

  @Override
  public KernelRun run(AttentionProblem problem, AttentionOutput output) {
    AttentionShape shape = problem.shape();
    output.check(shape);
    long start = System.nanoTime();

    int processors = Runtime.getRuntime().availableProcessors();
    List<Chunk> chunks =
        Chunk.plan(KeyRanges.of(shape, problem.layout()), chunkQueries(shape, processors));
    int total = Math.multiplyExact(chunks.size(), shape.batch() * shape.heads());
    int threads = Math.min(processors, total);
    int largest = chunks.stream().mapToInt(Chunk::blocks).max().orElseThrow() * Lanes.BLOCK;

    AtomicInteger next = new AtomicInteger();
    Runnable worker =
        () -> {
          ChunkAttention scratch = new ChunkAttention(problem, output, largest);
          for (int i = next.getAndIncrement(); i < total; i = next.getAndIncrement()) {
            int row = i / chunks.size();
            scratch.run(row / shape.heads(), row % shape.heads(), chunks.get(i % chunks.size()));
          }
        };
    List<ForkJoinTask<?>> others =
        IntStream.range(1, threads)
            .<ForkJoinTask<?>>mapToObj(t -> ForkJoinPool.commonPool().submit(worker))
            .toList();
    worker.run();
    others.forEach(ForkJoinTask::join);
    return KernelRun.of(
        (System.nanoTime() - start) / 1e6,
        threads * ChunkAttention.scratchBytes(shape.headDim(), largest));
  }

  /** Large chunks fetch keys less often; but every thread should get several, to end together. */
  private static int chunkQueries(AttentionShape shape, int processors) {
    long queries = (long) shape.tokens() * shape.heads() * shape.batch();
    int blocks = Math.clamp(queries / (8L * processors * Lanes.BLOCK), 1, Integer.MAX_VALUE);
    return Math.min(blocks * Lanes.BLOCK, ChunkAttention.MAX_QUERIES);
  }
}
