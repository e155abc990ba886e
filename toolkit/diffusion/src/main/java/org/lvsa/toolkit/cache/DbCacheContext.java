// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.blocks.Tokens;

/**
 * DBCache and FirstBlockCache over tensors: the first blocks of a list run and tell by their
 * residual whether the middle ones run; the last ones run in any case. Every list of a transformer
 * decides for itself.
 */
final class DbCacheContext implements CacheContext {
  private final Function<BlockSequence, DbCacheSettings> settings;
  private final Function<DbCacheSettings, Decision> decisions;
  private final RankMeans means;
  private final SharedDifferences shared;
  private final Map<String, ListState> lists = new LinkedHashMap<>();
  private Optional<CacheState.Part> saved = Optional.empty();

  /**
   * Differences that the first branch of a step measured, by list, for branches that use them
   * instead of their own.
   */
  static final class SharedDifferences {
    private final Map<String, Double> byList = new HashMap<>();

    /** A step begins. */
    void clear() {
      byList.clear();
    }
  }

  /**
   * A context.
   *
   * @param settings for a list
   * @param decisions makes a list's decisions
   * @param means averages over ranks that each hold a part of the tokens
   * @param shared differences of the step's first branch
   */
  DbCacheContext(
      Function<BlockSequence, DbCacheSettings> settings,
      Function<DbCacheSettings, Decision> decisions,
      RankMeans means,
      SharedDifferences shared) {
    this.settings = settings;
    this.decisions = decisions;
    this.means = means;
    this.shared = shared;
  }

  private static final class ListState implements AutoCloseable {
    private final DbCacheSettings settings;
    private final Function<DbCacheSettings, Decision> decisions;
    private Residual middle;
    private Decision decision;
    private boolean refreshed;
    private Tokens first;

    ListState(DbCacheSettings settings, Function<DbCacheSettings, Decision> decisions) {
      this.settings = settings;
      this.decisions = decisions;
      middle = new Residual(settings.taylorOrder());
      decision = decisions.apply(settings);
    }

    /** Forgets everything where the settings say so. */
    void refresh() {
      DbCacheSettings.Refresh refresh = settings.refresh();
      if (refresh.step().isPresent()
          && decision.step() == refresh.step().getAsInt()
          && (refresh.repeated() || !refreshed)) {
        close();
        middle = new Residual(settings.taylorOrder());
        decision = decisions.apply(settings);
        refreshed = true;
      }
    }

    void save(CacheState.Part to) {
      to.put("decision", decision.save());
      to.put("refreshed", refreshed ? 1 : 0);
      middle.save(to.part("middle"));
      if (first != null) {
        to.put("first", first);
      }
    }

    void restore(CacheState.Part from) {
      decision.restore(from.numbers("decision", decision.save().length));
      refreshed = from.numbers("refreshed", 1)[0] != 0;
      middle.restore(from.part("middle"));
      first = from.hasTensor("first") ? from.tokens("first") : null;
    }

    @Override
    public void close() {
      middle.close();
      if (first != null) {
        first.close();
        first = null;
      }
    }
  }

  @Override
  public boolean run(BlockSequence blocks) {
    ListState state = lists.computeIfAbsent(blocks.name(), name -> list(blocks));
    DbCacheSettings its = state.settings;
    int firstEnd = its.firstBlocks();
    int lastBegin = blocks.size() - its.lastBlocks();
    state.refresh();
    if (firstEnd >= lastBegin) {
      Residual.runAll(blocks, 0, blocks.size());
      return false;
    }
    Tokens before = its.difference().hiddenStates() ? null : blocks.hidden().copy();
    Residual.runAll(blocks, 0, firstEnd);
    Tokens now = before == null ? blocks.hidden().copy() : Residual.gain(before, blocks.hidden());
    int step = state.decision.step();
    boolean cached =
        state.decision.cached(
            state.middle.known(), () -> difference(blocks.name(), its.difference(), state, now));
    if (cached) {
      state.middle.add(step, blocks);
      now.close();
    } else {
      if (state.first != null) {
        state.first.close();
      }
      state.first = now;
      state.middle.compute(step, blocks, firstEnd, lastBegin);
    }
    Residual.runAll(blocks, lastBegin, blocks.size());
    return cached;
  }

  private ListState list(BlockSequence blocks) {
    ListState state = new ListState(settings.apply(blocks), decisions);
    saved
        .map(from -> from.part(blocks.name()))
        .filter(from -> from.hasNumbers("decision"))
        .ifPresent(state::restore);
    return state;
  }

  @Override
  public void save(CacheState.Part to) {
    lists.forEach((name, state) -> state.save(to.part(name)));
  }

  @Override
  public void restore(CacheState.Part from) {
    saved = Optional.of(from);
  }

  private double difference(
      String list, DbCacheSettings.Difference how, ListState state, Tokens now) {
    DoubleSupplier measured =
        () -> {
          if (!state.first.isLike(now)) {
            return Double.NaN;
          }
          return means
              .of(Differences.of(state.first, now, how.everyChannel(), how.important()))
              .relative();
        };
    if (how.separateBranches()) {
      return measured.getAsDouble();
    }
    return shared.byList.computeIfAbsent(list, name -> measured.getAsDouble());
  }

  @Override
  public void close() {
    lists.values().forEach(ListState::close);
    lists.clear();
  }
}
