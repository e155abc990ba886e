// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.StreamSupport;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.io.MalformedFileException;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A step cache during one run of denoising. Each transformer and branch of guidance has a context
 * of its own, found by name. A new run makes a new step cache: nothing of an earlier request is
 * left.
 */
public final class StepCache implements BlockRunner, AutoCloseable {
  private static final String PLACE = "place:";
  private static final String HISTORY = "history:";

  private final CacheSettings settings;
  private Model model;
  private final RankMeans means;
  private final DbCacheContext.SharedDifferences shared = new DbCacheContext.SharedDifferences();
  private final Map<Place, CacheContext> contexts = new HashMap<>();
  private final Map<Place, PyramidAttention> pyramids = new HashMap<>();
  private final Map<String, List<String>> sets = new HashMap<>();
  private final Map<Place, List<Double>> ratios = new LinkedHashMap<>();
  private final List<TeaCalibration.Point> points = new ArrayList<>();
  private final Map<String, StringBuilder> history = new LinkedHashMap<>();
  private Place place = new Place("", "");
  private Optional<CacheState> saved = Optional.empty();
  private int step = -1;
  private double timestep;

  /**
   * What the cache works for.
   *
   * @param pipeline its class, such as {@code WanPipeline}
   * @param steps number of steps by the transformer's name: each has its own mask and warm-up
   */
  public record Model(String pipeline, Map<String, Integer> steps) {
    /** A pipeline with one transformer. */
    public static Model of(String pipeline, int steps) {
      return new Model(pipeline, Map.of("transformer", steps));
    }

    int steps(String transformer) {
      Integer its = steps.get(transformer);
      if (its == null) {
        throw new IllegalStateException(
            pipeline + " has no transformer " + transformer + ", it has " + steps.keySet());
      }
      return its;
    }
  }

  private record Place(String transformer, String branch) {
    /** The name under which its state is saved. */
    String path() {
      return transformer + "/" + branch;
    }
  }

  /**
   * A cache for a run that begins.
   *
   * @param means sums over ranks that each hold a part of the tokens
   * @throws MalformedFileException if the settings do not fit the model or the number of steps
   */
  public StepCache(CacheSettings settings, Model model, RankMeans means) {
    this.settings = settings;
    this.model = model;
    this.means = means;
    check();
  }

  /** Errors of the settings appear before anything is computed. */
  private void check() {
    switch (settings) {
      case CacheSettings.TeaCache tea when !tea.calibrate() ->
          TeaCacheDecision.coefficients(tea, model.pipeline());
      case DbCacheSettings db ->
          model.steps().values().stream()
              .filter(steps -> steps > 0)
              .forEach(steps -> checkMask(db, steps));
      default -> {}
    }
  }

  private static void checkMask(DbCacheSettings settings, int steps) {
    settings
        .mask()
        .ifPresent(
            mask -> {
              int its = mask.of(steps).steps();
              if (its != steps) {
                throw new MalformedFileException(
                    "the step mask must have as many digits as there are steps ("
                        + steps
                        + "), got "
                        + its);
              }
            });
  }

  /**
   * Several transformers share the steps.
   *
   * @param steps by the transformer's name
   * @throws MalformedFileException if the settings do not fit these numbers of steps
   */
  public void transformers(Map<String, Integer> steps) {
    model = new Model(model.pipeline(), steps);
    check();
  }

  /** The line that says which cache runs. */
  public String enabledLine() {
    String name = settings instanceof DbCacheSettings ? "Cache-dit" : settings.backend();
    return name + " enabled successfully on " + model.pipeline();
  }

  /**
   * A run of a transformer begins.
   *
   * @param nextStep number of the denoising step, from 0
   * @param nextTimestep the scheduler's
   * @param transformer its name
   * @param branch which texts it sees
   */
  public void begin(int nextStep, double nextTimestep, String transformer, String branch) {
    if (nextStep != step) {
      shared.clear();
    }
    step = nextStep;
    timestep = nextTimestep;
    place = new Place(transformer, branch);
  }

  @Override
  public void run(BlockSequence blocks) {
    if (settings instanceof CacheSettings.Pyramid its) {
      blocks
          .outputs()
          .ifPresent(outputs -> pyramidOf(its).decide(outputs, set(), blocks.size(), timestep));
      ALL.run(blocks);
      return;
    }
    boolean cached = contexts.computeIfAbsent(place, this::context).run(blocks);
    history
        .computeIfAbsent(
            place.transformer() + "." + blocks.name() + " " + place.branch(),
            name -> new StringBuilder())
        .append(cached ? 'C' : '.');
  }

  /** A place's context, which goes on from what was saved of it. */
  private CacheContext context(Place its) {
    CacheContext context = newContext(its);
    saved
        .filter(from -> from.texts().containsKey(PLACE + its.path()))
        .ifPresent(from -> context.restore(from.part(its.path())));
    return context;
  }

  private PyramidAttention pyramidOf(CacheSettings.Pyramid its) {
    return pyramids.computeIfAbsent(place, at -> pyramid(its, at));
  }

  /** The number of the branch among those of its transformer, in the order in which they came. */
  private int set() {
    List<String> branches = sets.computeIfAbsent(place.transformer(), name -> new ArrayList<>());
    if (!branches.contains(place.branch())) {
      branches.add(place.branch());
    }
    return branches.indexOf(place.branch());
  }

  private PyramidAttention pyramid(CacheSettings.Pyramid its, Place at) {
    PyramidAttention pyramid = new PyramidAttention(its);
    saved
        .filter(from -> from.texts().containsKey(PLACE + at.path()))
        .ifPresent(from -> pyramid.restore(from.part(at.path())));
    return pyramid;
  }

  /** What is remembered after the steps so far. */
  public CacheState save() {
    CacheState state = new CacheState();
    contexts.forEach(
        (at, context) -> {
          state.texts().put(PLACE + at.path(), "");
          context.save(state.part(at.path()));
        });
    pyramids.forEach(
        (at, pyramid) -> {
          state.texts().put(PLACE + at.path(), "");
          pyramid.save(state.part(at.path()));
        });
    history.forEach((name, text) -> state.texts().put(HISTORY + name, text.toString()));
    return state;
  }

  /**
   * Goes on from what an earlier run with the same settings saved; called before the first step.
   *
   * @throws IllegalArgumentException if the settings ask to calibrate
   */
  public void restore(CacheState from) {
    saved = Optional.of(from);
    from.texts()
        .forEach(
            (name, text) -> {
              if (name.startsWith(HISTORY)) {
                history.put(name.substring(HISTORY.length()), new StringBuilder(text));
              }
            });
  }

  private CacheContext newContext(Place its) {
    int steps = model.steps(its.transformer());
    return switch (settings) {
      case DbCacheSettings db ->
          new DbCacheContext(
              blocks -> checked(forList(db, its.transformer(), blocks.name()), blocks),
              adapted -> new DbCacheDecision(adapted, steps),
              means,
              shared);
      case CacheSettings.FirstBlock first ->
          new DbCacheContext(
              blocks -> DbCacheSettings.firstBlock(first.threshold()),
              ignored -> new FirstBlockDecision(first.threshold()),
              means,
              shared);
      case CacheSettings.TeaCache tea when tea.calibrate() ->
          new WholeContext(new TeaCalibration(points));
      case CacheSettings.TeaCache tea ->
          new WholeContext(
              new TeaCacheGate(
                  new TeaCacheDecision(
                      tea.threshold(), TeaCacheDecision.coefficients(tea, model.pipeline())),
                  means));
      case CacheSettings.MagCache mag when mag.ratios().isPresent() ->
          new WholeContext(new MagCacheGate(new MagCacheDecision(mag, steps)));
      case CacheSettings.MagCache ignored ->
          new WholeContext(
              new MagCalibration(ratios.computeIfAbsent(its, key -> new ArrayList<>())));
      case CacheSettings.Pyramid ignored ->
          throw new IllegalStateException("attention broadcast has no context of blocks");
    };
  }

  private DbCacheSettings forList(DbCacheSettings asked, String transformer, String list) {
    return StreamSupport.stream(ServiceLoader.load(CacheEnabler.class).spliterator(), false)
        .filter(enabler -> enabler.pipeline().equals(model.pipeline()))
        .findFirst()
        .map(enabler -> enabler.settings(asked, transformer, list))
        .orElse(asked);
  }

  private static DbCacheSettings checked(DbCacheSettings settings, BlockSequence blocks) {
    int first = settings.firstBlocks();
    int last = settings.lastBlocks();
    if (first + last > blocks.size()) {
      throw new MalformedFileException(
          "Fn_compute_blocks + Bn_compute_blocks must be at most the transformer's "
              + blocks.name()
              + " ("
              + blocks.size()
              + "), got "
              + first
              + " + "
              + last
              + ": with "
              + Math.min(first, blocks.size())
              + " + "
              + (blocks.size() - Math.min(first, blocks.size()))
              + " every block runs");
    }
    return settings;
  }

  /** What was asked for. */
  public CacheSettings settings() {
    return settings;
  }

  @Override
  public int keeps() {
    return keeps(settings);
  }

  /** As {@link #keeps()}, of a cache with these settings. */
  public static int keeps(CacheSettings settings) {
    // For each branch of guidance, and while a step is computed.
    int branches = 2;
    return switch (settings) {
      case DbCacheSettings db -> keeps(branches, db.taylorOrder());
      case CacheSettings.FirstBlock ignored -> keeps(branches, 0);
      case CacheSettings.TeaCache tea -> tea.calibrate() ? 2 * branches + 2 : branches + 1;
      case CacheSettings.MagCache ignored -> branches + 1;
      case CacheSettings.Pyramid ignored -> 0;
    };
  }

  /** The first blocks' residual, and what the middle ones add with its derivatives. */
  private static int keeps(int branches, int order) {
    return branches * (2 + order) + 2 + order;
  }

  @Override
  public Set<Attention> keepsOutputs() {
    return keepsOutputs(settings);
  }

  /** As {@link #keepsOutputs()}, of a cache with these settings. */
  public static Set<Attention> keepsOutputs(CacheSettings settings) {
    Set<Attention> kinds = new HashSet<>();
    if (settings instanceof CacheSettings.Pyramid pyramid) {
      pyramid.selfEvery().ifPresent(every -> kinds.add(Attention.SELF));
      pyramid.crossEvery().ifPresent(every -> kinds.add(Attention.CROSS));
    }
    return kinds;
  }

  /** Whether whole blocks are left out, and not attentions inside them. */
  public static boolean skipsBlocks(CacheSettings settings) {
    return !(settings instanceof CacheSettings.Pyramid);
  }

  @Override
  public INDArray attention(Attention kind, int layer, Supplier<INDArray> compute) {
    return settings instanceof CacheSettings.Pyramid pyramid
        ? pyramidOf(pyramid).attention(kind, layer, timestep, compute)
        : compute.get();
  }

  /** What was computed and what was cached so far. */
  public CacheSummary summary() {
    Map<String, String> steps = new LinkedHashMap<>();
    history.forEach((name, text) -> steps.put(name, text.toString()));
    String all = String.join("", steps.values());
    int cached = (int) all.chars().filter(c -> c == 'C').count();
    return settings instanceof CacheSettings.Pyramid
        ? new CacheSummary(
            settings.backend(),
            settings.toString(),
            Map.of(),
            pyramids.values().stream().mapToInt(PyramidAttention::computed).sum(),
            pyramids.values().stream().mapToInt(PyramidAttention::cached).sum(),
            settings.idle(),
            Optional.empty())
        : new CacheSummary(
            settings.backend(),
            settings.toString(),
            steps,
            all.length() - cached,
            cached,
            settings.idle(),
            measured());
  }

  /** What was measured, where that was asked for. */
  private Optional<CacheSummary.Measured> measured() {
    return switch (settings) {
      case CacheSettings.TeaCache tea when tea.calibrate() -> {
        List<Double> coefficients = TeaCalibration.fit(points);
        yield Optional.of(
            new CacheSummary.Measured(
                "coefficients",
                coefficients,
                String.format(
                    Locale.ROOT,
                    "%d changes between steps, root mean square distance from the polynomial %.4g",
                    points.size(),
                    TeaCalibration.distance(points, coefficients))));
      }
      case CacheSettings.MagCache mag when mag.ratios().isEmpty() ->
          Optional.of(
              new CacheSummary.Measured(
                  "mag_ratios",
                  MagCalibration.mean(List.copyOf(ratios.values())),
                  "averaged over " + ratios.size() + " runs of the transformer per step"));
      default -> Optional.empty();
    };
  }

  @Override
  public void close() {
    contexts.values().forEach(CacheContext::close);
    pyramids.values().forEach(PyramidAttention::close);
    contexts.clear();
    pyramids.clear();
  }
}
