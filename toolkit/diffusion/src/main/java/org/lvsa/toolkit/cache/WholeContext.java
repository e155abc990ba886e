// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.LinkedHashMap;
import java.util.Map;
import org.lvsa.toolkit.blocks.BlockSequence;

/** TeaCache and MagCache over tensors: a transformer's blocks run all or not at all. */
final class WholeContext implements CacheContext {
  private final Gate gate;
  private final Map<String, Residual> lists = new LinkedHashMap<>();
  private boolean cached;

  /** Decides at a transformer's first list. */
  interface Gate extends AutoCloseable {
    /**
     * A step begins.
     *
     * @param first the transformer's first list
     * @param buffered whether there are earlier residuals
     * @return whether the step is taken from the cache
     */
    boolean cached(BlockSequence first, boolean buffered);

    /** A list was computed. */
    default void computed(BlockSequence blocks, Residual residual) {}

    /** Saves what decides later steps. */
    default void save(CacheState.Part to) {
      throw new IllegalArgumentException(
          "a run that calibrates a step cache cannot be saved: leave --save-every out");
    }

    /** Goes on from what was saved. */
    default void restore(CacheState.Part from) {
      throw new IllegalArgumentException(
          "a run that calibrates a step cache cannot be resumed: begin again");
    }

    @Override
    default void close() {}
  }

  WholeContext(Gate gate) {
    this.gate = gate;
  }

  @Override
  public boolean run(BlockSequence blocks) {
    if (lists.isEmpty() || lists.keySet().iterator().next().equals(blocks.name())) {
      cached = gate.cached(blocks, !lists.isEmpty());
    }
    Residual residual = lists.computeIfAbsent(blocks.name(), name -> new Residual(0));
    if (cached) {
      residual.add(0, blocks);
    } else {
      residual.compute(0, blocks, 0, blocks.size());
      gate.computed(blocks, residual);
    }
    return cached;
  }

  @Override
  public void save(CacheState.Part to) {
    gate.save(to.part("gate"));
    to.put("lists", String.join(" ", lists.keySet()));
    lists.forEach((name, residual) -> residual.save(to.part(name)));
  }

  @Override
  public void restore(CacheState.Part from) {
    gate.restore(from.part("gate"));
    for (String name : from.text("lists").split(" ")) {
      if (!name.isEmpty()) {
        Residual residual = new Residual(0);
        residual.restore(from.part(name));
        lists.put(name, residual);
      }
    }
  }

  @Override
  public void close() {
    gate.close();
    lists.values().forEach(Residual::close);
    lists.clear();
  }
}
