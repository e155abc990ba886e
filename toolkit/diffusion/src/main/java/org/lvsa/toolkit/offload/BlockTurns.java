// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.blocks.BlocksWith;
import org.lvsa.toolkit.profile.TransferEvent;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The blocks of a transformer take turns: while one runs, a thread reads the weights of the next,
 * and one that ran is let go, so that two are in memory at most. After the last block comes the
 * first one again, for the next step. A step cache may leave blocks out: a block whose weights are
 * not there is read when it runs. What is not in a block stays in memory.
 */
final class BlockTurns implements WeightTurns {
  private final Map<String, WeightPart> transformers;
  private final Map<String, List<WeightPart>> lists;
  private final Residency residency;
  private final ExecutorService reader =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("weights of the next block").factory());

  private String transformer = "";
  private Optional<WeightPart> running = Optional.empty();
  private Optional<WeightPart> next = Optional.empty();
  private CompletableFuture<Void> reading = CompletableFuture.completedFuture(null);

  /**
   * Turns of blocks.
   *
   * @param lists dotted name → blocks in order
   */
  BlockTurns(
      Map<String, WeightPart> transformers,
      Map<String, List<WeightPart>> lists,
      Residency residency) {
    this.transformers = transformers;
    this.lists = lists;
    this.residency = residency;
  }

  @Override
  public void begin(String nextTransformer) {
    if (nextTransformer.equals(transformer)) {
      return;
    }
    letAllGo();
    transformer = nextTransformer;
    residency.came(rest(transformer), restBytes(transformer), false);
  }

  private static String rest(String transformer) {
    return transformer + " without blocks";
  }

  private long restBytes(String name) {
    long inBlocks =
        lists.entrySet().stream()
            .filter(list -> list.getKey().startsWith(name + "."))
            .flatMap(list -> list.getValue().stream())
            .mapToLong(WeightPart::bytes)
            .sum();
    return Optional.ofNullable(transformers.get(name)).map(WeightPart::bytes).orElse(0L) - inBlocks;
  }

  @Override
  public BlockRunner around(BlockRunner runner) {
    return new BlockRunner() {
      @Override
      public void run(BlockSequence blocks) {
        List<WeightPart> parts = lists.get(transformer + "." + blocks.name());
        runner.run(
            parts == null ? blocks : new BlocksWith(blocks, block -> inTurn(blocks, parts, block)));
      }

      @Override
      public INDArray attention(Attention kind, int layer, Supplier<INDArray> compute) {
        return runner.attention(kind, layer, compute);
      }
    };
  }

  /** Runs a block, which is read before it runs and let go after it. */
  private void inTurn(BlockSequence blocks, List<WeightPart> parts, int block) {
    need(parts.get(block));
    readAhead(parts.get((block + 1) % parts.size()));
    try {
      blocks.run(block);
    } finally {
      ran();
    }
  }

  private void need(WeightPart part) {
    reading.join();
    next.filter(other -> !isSame(other, part)).ifPresent(this::letGo);
    next = Optional.empty();
    if (!residency.has(part.name())) {
      read(part);
    }
    running = Optional.of(part);
  }

  private void readAhead(WeightPart part) {
    if (running.stream().noneMatch(other -> isSame(other, part))) {
      next = Optional.of(part);
      reading = CompletableFuture.runAsync(() -> read(part), reader);
    }
  }

  private static boolean isSame(WeightPart one, WeightPart other) {
    return one.name().equals(other.name());
  }

  private void read(WeightPart part) {
    residency.came(part.name(), part.bytes(), true);
    try (TransferEvent _ = TransferEvent.begin("read " + part.name(), part.bytes())) {
      part.load();
    }
  }

  private void ran() {
    running.ifPresent(this::letGo);
    running = Optional.empty();
  }

  private void letGo(WeightPart part) {
    part.unload();
    residency.went(part.name(), true);
  }

  private void letAllGo() {
    reading.join();
    next.ifPresent(this::letGo);
    next = Optional.empty();
    ran();
    if (!transformer.isEmpty()) {
      Optional.ofNullable(transformers.get(transformer)).ifPresent(WeightPart::unload);
      residency.went(rest(transformer), false);
      transformer = "";
    }
  }

  @Override
  public void close() {
    try {
      letAllGo();
    } finally {
      reader.shutdown();
    }
  }
}
