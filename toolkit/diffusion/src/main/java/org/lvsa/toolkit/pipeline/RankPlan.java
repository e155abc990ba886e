// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.backend.DeviceList;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.Loopback;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.parallel.RankWork;
import org.lvsa.toolkit.parallel.UlyssesMode;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.FrameCut;
import org.lvsa.toolkit.vae.Tiling;

/**
 * The ranks that make a video together, and how to run them.
 *
 * @param groups how many ranks share what
 * @param decoding which of the ranks decode, and what each
 * @param sharding how many ranks hold parts of each block's weights together; 1 for none
 * @param scheme how those that share a sequence divide self-attention
 * @param mode which numbers of heads they may divide
 * @param start how they are started, and on which devices
 */
public record RankPlan(
    RankGroups groups,
    Decoding decoding,
    int sharding,
    Scheme scheme,
    UlyssesMode mode,
    RankStart start) {

  /** More threads or JVMs than any machine should be asked for. */
  private static final int MOST_RANKS = 1024;

  /**
   * Not more ranks than can be started, and not more that decode than there are.
   *
   * @throws IllegalArgumentException naming both numbers
   */
  public RankPlan {
    if (groups.world() > MOST_RANKS) {
      throw new IllegalArgumentException(
          "ranks must be at most " + MOST_RANKS + ", got " + groups.world());
    }
    if (decoding.ranks() < 1 || decoding.ranks() > groups.world()) {
      throw new IllegalArgumentException(
          "--vae-patch-parallel-size must be from 1 to the number of ranks ("
              + groups.world()
              + "), got "
              + decoding.ranks()
              + ": ranks that denoise together decode together");
    }
    int world = groups.world();
    start.place().ifPresent(here -> Loopback.checkPlace(here.rank(), world));
    groups.shardGroups(sharding);
    if (sharding > 1 && groups.tensor() > 1) {
      throw new IllegalArgumentException(
          "--use-hsdp cannot be used with --tensor-parallel-size ("
              + groups.tensor()
              + "): both divide the weights; leave one of them out");
    }
  }

  /**
   * How ranks decode.
   *
   * @param ranks how many of them, the first ones; 1 decodes on the first
   * @param cut what each of several decodes
   */
  public record Decoding(int ranks, FrameCut cut) {
    /** The first rank decodes. */
    public static final Decoding ONE = new Decoding(1, Tiling.DEFAULT);

    private boolean tiles() {
      return ranks > 1 && cut instanceof Tiling;
    }

    private String words() {
      return tiles() || ranks == 1 ? "by tiles of the decoder" : "by patches of the decoder";
    }
  }

  /** One rank, which runs in this process. */
  public static RankPlan one() {
    return new RankPlan(
        new RankGroups(1, 1, 1, 1, 1, 1),
        Decoding.ONE,
        1,
        Scheme.ULYSSES,
        UlyssesMode.STRICT,
        RankStart.one());
  }

  /** Number of ranks. */
  public int world() {
    return groups.world();
  }

  /** Ranks of one process, each of which holds what it computes with. */
  public int ranksPerProcess() {
    return start.kind() == RankStart.Kind.THREADS ? world() : 1;
  }

  /**
   * Whether each rank can have a transformer on a device of its own: one rank, or processes that
   * each run one branch of guidance.
   */
  public boolean eachHasWholeTransformer() {
    boolean branches = world() == groups.guidance() && sharding == 1;
    return world() == 1 || (branches && start.kind() == RankStart.Kind.PROCESSES);
  }

  /** Device and kernel of the rank that runs in this process, of ranks that are processes. */
  public KernelOptions kernel(KernelOptions asked) {
    return start
        .device(start.place().map(RankStart.Place::rank).orElse(0))
        .map(asked::onDevice)
        .orElse(asked);
  }

  /** The same ranks, whose later processes get further words behind their command. */
  public RankPlan withWords(List<String> words) {
    return new RankPlan(groups, decoding, sharding, scheme, mode, start.withWords(words));
  }

  /** Whether this process is a rank after the first. */
  public boolean later() {
    return start.later();
  }

  /** One rank that runs the pattern that all ranks together run. */
  public RankView alone() {
    return new RankView(
        RankPlace.alone(),
        scheme,
        scheme.guardsBoundaries() ? groups.sequence() : 1,
        start.device(0));
  }

  /** One of the ranks. */
  public RankView view(Communicator rank) {
    return RankView.of(RankPlace.of(rank, groups, sharding), scheme).on(start.device(rank.rank()));
  }

  /** Runs the work on every rank, and returns what rank 0 gives. */
  public <T> T run(RankWork<T> work) throws Exception {
    return start.run(world(), work);
  }

  /**
   * Does this process's part as a later rank.
   *
   * @return whether the work went well; a failure is told to rank 0, which reports it
   */
  public boolean runLater(RankWork<?> work) throws Exception {
    return start.runLater(world(), work);
  }

  /**
   * These ranks with a device of its own for each, where they are processes and a backend has
   * several devices like the one that it takes by itself. Where devices were named, the backend
   * must have them: ranks that look for theirs at the same time would tell now one, now the other.
   *
   * @param config names the backend
   * @param kernel device and kernel that were asked for
   * @throws IllegalArgumentException if one device and a list of devices were asked for, or if the
   *     backend does not have one
   */
  public RankPlan onDevices(LvsaConfig config, KernelOptions kernel) {
    if (kernel.device().isPresent() && start.devices().isPresent()) {
      throw new IllegalArgumentException(
          "--device "
              + kernel.device().get()
              + " is of every rank, --devices "
              + start.devices().get()
              + " are of the ranks in turn: give one of the two");
    }
    if (start.devices().isPresent() && start.place().isEmpty()) {
      start.devices().get().requireOf(Generation.backend(config, line -> {}));
    }
    if (world() == 1
        || start.kind() == RankStart.Kind.THREADS
        || start.place().isPresent()
        || start.devices().isPresent()
        || kernel.device().isPresent()) {
      return this;
    }
    List<AttentionBackend.Device> all = Generation.backend(config, line -> {}).devices();
    return all.size() < 2
        ? this
        : new RankPlan(groups, decoding, sharding, scheme, mode, start.on(DeviceList.alike(all)));
  }

  /**
   * Settings of LVSA that the model gives, as these ranks run it: a guided step is one run per rank
   * where each has a branch, and two where ranks divide one sequence.
   */
  public Map<Setting<?>, String> attentionDefaults(
      VideoPipeline pipeline, GenerationSettings settings) {
    Map<Setting<?>, String> defaults = new LinkedHashMap<>(pipeline.attentionDefaults(settings));
    if (settings.guidance().on() && groups.guidance() > 1) {
      defaults.put(Setting.LVSA_CFG_PASSES, "1");
    } else if (settings.guidance().on() && groups.sequence() > 1) {
      defaults.put(Setting.LVSA_CFG_PASSES, "2");
    }
    return defaults;
  }

  /**
   * Refuses a model that these ranks cannot run, whatever the video is.
   *
   * @param batched whether both branches of guidance are one batch
   * @throws IllegalArgumentException naming what does not fit, and what would
   */
  public void check(VideoPipeline pipeline, boolean batched) {
    pipeline.check(groups);
    if (scheme != Scheme.GLOBAL_KV && pipeline.geometry().containsKey("heads")) {
      mode.check(pipeline.geometry().get("heads") / groups.tensor(), groups.ulysses());
    }
    if (groups.guidance() > 1 && batched) {
      throw new IllegalArgumentException(
          "ranks of --cfg-parallel-size 2 run one branch each: leave --batched-guidance out");
    }
  }

  /**
   * Refuses a video that these ranks cannot make with a model.
   *
   * @throws IllegalArgumentException naming what does not fit, and what would
   */
  public void check(VideoPipeline pipeline, GenerationSettings settings) {
    check(pipeline, settings.guidance().batched());
    if (groups.guidance() > 1 && !settings.guidance().on()) {
      throw new IllegalArgumentException(
          "guidance has 2 branches for --cfg-parallel-size "
              + groups.guidance()
              + " only above a scale of 1, got "
              + settings.guidance().scale()
              + ": leave --cfg-parallel-size out, or give --guidance-scale 5");
    }
  }

  /**
   * Refuses a step cache where it would leave ranks waiting for each other's weights.
   *
   * @throws IllegalArgumentException if ranks of both branches hold weights together
   */
  public void checkCache(boolean cached) {
    if (cached && sharding > 1 && groups.guidance() > 1) {
      throw new IllegalArgumentException(
          "--use-hsdp with --cfg-parallel-size "
              + groups.guidance()
              + " runs all blocks of both branches together, a step cache skips blocks of one:"
              + " leave --cache-backend or one of the two out");
    }
  }

  /**
   * Decodes as one of the ranks, where several decode. The first rank gets the tiles; ranks that
   * take no part, and all where one rank decodes, get nothing.
   */
  Optional<DecodedTiles> decode(
      VideoPipeline pipeline, VideoSize size, float[] latents, Communicator rank) {
    if (decoding.ranks() == 1 || rank.rank() >= decoding.ranks()) {
      return Optional.empty();
    }
    Communicator together = rank.group(IntStream.range(0, decoding.ranks()).boxed().toList());
    try (PhaseEvent _ = PhaseEvent.begin(PhaseEvent.DECODE)) {
      return Optional.of(pipeline.decodeTiles(size, latents, decoding.cut(), together));
    }
  }

  /** How large frames are cut into tiles: always where several ranks decode tiles. */
  public Optional<Tiling> tiling(Optional<Tiling> asked) {
    return decoding.tiles() ? Optional.of(Tiling.DEFAULT) : asked;
  }

  /** What a generation takes of the memory of one process, see {@link VideoPipeline#memory}. */
  public List<MemoryNeed> memory(
      VideoPipeline pipeline, GenerationSettings settings, Optional<Tiling> asked) {
    int decoders = Math.min(decoding.ranks(), ranksPerProcess());
    return pipeline.memory(settings, tiling(asked), ranksPerProcess()).stream()
        .map(
            need ->
                need.part().equals("decoding")
                    ? new MemoryNeed(need.part(), decoders * need.bytes())
                    : need)
        .toList();
  }

  /** What the ranks share, in words: {@code 4 ranks, by heads (2), by branches of guidance (2)}. */
  @Override
  public String toString() {
    Map<String, Integer> shared = new LinkedHashMap<>();
    shared.put("by weights", groups.tensor());
    if (scheme == Scheme.GLOBAL_KV) {
      shared.put("by queries", groups.sequence());
    } else {
      shared.put("by heads", groups.ulysses());
      shared.put("round a ring", groups.ring());
    }
    shared.put("by branches of guidance", groups.guidance());
    shared.put("by shards of blocks", sharding);
    shared.put(decoding.words(), decoding.ranks());
    shared.values().removeIf(degree -> degree == 1);
    return world()
        + " ranks"
        + shared.entrySet().stream()
            .map(
                one ->
                    ", " + one.getKey() + (shared.size() == 1 ? "" : " (" + one.getValue() + ")"))
            .collect(Collectors.joining());
  }
}
