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
 * Cuts a problem into chunks of queries (one head of one group of {@link KeyRanges}) and lets all
 * cores take them in turn. Heads are the outer order, so that the cores share a head's keys and
 * values in the last-level cache.
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

    List<KeyRanges> groups = KeyRanges.of(shape, problem.layout());
    int[] firstChunk = new int[groups.size() + 1];
    for (int g = 0; g < groups.size(); g++) {
      firstChunk[g + 1] = firstChunk[g] + chunks(groups.get(g).queryCount());
    }
    int chunksPerHead = firstChunk[groups.size()];
    int total = Math.multiplyExact(chunksPerHead, shape.batch() * shape.heads());
    int threads = Math.min(Runtime.getRuntime().availableProcessors(), total);
    int largest = groups.stream().mapToInt(VectorKernel::chunkSize).max().orElseThrow();

    AtomicInteger next = new AtomicInteger();
    Runnable worker =
        () -> {
          QueryChunk scratch = new QueryChunk(problem, output, largest);
          for (int i = next.getAndIncrement(); i < total; i = next.getAndIncrement()) {
            int chunk = i % chunksPerHead;
            int group = groupOf(firstChunk, chunk);
            KeyRanges ranges = groups.get(group);
            int size = chunkSize(ranges);
            int first = (chunk - firstChunk[group]) * size;
            scratch.run(
                i / chunksPerHead / shape.heads(),
                i / chunksPerHead % shape.heads(),
                ranges,
                ranges.firstQuery() + first,
                Math.min(size, ranges.queryCount() - first));
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
        threads * QueryChunk.scratchBytes(shape.headDim(), largest));
  }

  private static int chunks(int queries) {
    return Math.ceilDiv(queries, QueryChunk.MAX_QUERIES);
  }

  /** Queries of a group's chunks: equal shares, in whole blocks. */
  private static int chunkSize(KeyRanges group) {
    int share = Math.ceilDiv(group.queryCount(), chunks(group.queryCount()));
    return Math.ceilDiv(share, Lanes.BLOCK) * Lanes.BLOCK;
  }

  private static int groupOf(int[] firstChunk, int chunk) {
    int group = 0;
    while (firstChunk[group + 1] <= chunk) {
      group++;
    }
    return group;
  }
}
