// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.Loopback;
import org.lvsa.toolkit.parallel.Patience;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.parallel.RankProcesses;
import org.lvsa.toolkit.parallel.RankWork;
import org.lvsa.toolkit.parallel.RunSecret;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.lvsa.toolkit.vae.DecodedTiles;
import org.lvsa.toolkit.vae.Tiling;

/**
 * The ranks that make a video together, and how to run them.
 *
 * @param groups how many ranks share what
 * @param decoding how many of the ranks decode tiles; 1 decodes on the first
 * @param sharding how many ranks hold parts of each block's weights together; 1 for none
 * @param scheme how those that share a sequence divide self-attention
 * @param ranks threads of this JVM, or processes
 * @param place where a process that is a later rank joins; empty in the process that a user started
 * @param laterRank the command of a process that is a later rank
 */
public record RankPlan(
    RankGroups groups,
    int decoding,
    int sharding,
    Scheme scheme,
    Ranks ranks,
    Optional<Place> place,
    RankProcesses.Command laterRank) {

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
    if (decoding < 1 || decoding > groups.world()) {
      throw new IllegalArgumentException(
          "--vae-patch-parallel-size must be from 1 to the number of ranks ("
              + groups.world()
              + "), got "
              + decoding
              + ": ranks that denoise together decode together");
    }
    groups.shardGroups(sharding);
    if (sharding > 1 && groups.tensor() > 1) {
      throw new IllegalArgumentException(
          "--use-hsdp cannot be used with --tensor-parallel-size ("
              + groups.tensor()
              + "): both divide the weights; leave one of them out");
    }
  }

  /** How the ranks run. */
  public enum Ranks {
    /** Threads of this JVM. */
    THREADS,
    /** JVMs of this machine, over TCP. */
    PROCESSES
  }

  /** One rank, which runs in this process. */
  public static RankPlan one() {
    return new RankPlan(
        new RankGroups(1, 1, 1, 1, 1, 1),
        1,
        1,
        Scheme.ULYSSES,
        Ranks.THREADS,
        Optional.empty(),
        (rank, port) -> {
          throw new IllegalStateException("there is one rank only");
        });
  }

  /** Number of ranks. */
  public int world() {
    return groups.world();
  }

  /** Ranks of one process, each of which holds what it computes with. */
  public int ranksPerProcess() {
    return ranks == Ranks.THREADS ? world() : 1;
  }

  /**
   * Where a later rank joins.
   *
   * @param rank this one, from 1
   * @param port that rank 0 listens on
   */
  public record Place(int rank, int port) {
    /**
     * Reads {@code RANK:PORT}.
     *
     * @throws IllegalArgumentException if the text has another form
     */
    public static Place parse(String text) {
      if (!text.matches("\\d{1,6}:\\d{1,5}")) {
        throw new IllegalArgumentException("--joins must be RANK:PORT, got " + text);
      }
      String[] numbers = text.split(":");
      return new Place(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1]));
    }
  }

  /** The same ranks, whose later processes get further words behind their command. */
  public RankPlan withWords(List<String> words) {
    return new RankPlan(
        groups,
        decoding,
        sharding,
        scheme,
        ranks,
        place,
        (rank, port) -> Stream.concat(laterRank.of(rank, port).stream(), words.stream()).toList());
  }

  /** Whether this process was started by another one, as a later rank of it. */
  public boolean later() {
    return place.isPresent();
  }

  /** One rank that runs the pattern that all ranks together run. */
  public RankView alone() {
    return new RankView(
        RankPlace.alone(), scheme, scheme.guardsBoundaries() ? groups.sequence() : 1);
  }

  /** One of the ranks. */
  public RankView view(Communicator rank) {
    return RankView.of(RankPlace.of(rank, groups, sharding), scheme);
  }

  /** Runs the work on every rank, and returns what rank 0 gives. */
  public <T> T run(RankWork<T> work) throws Exception {
    return switch (ranks) {
      case THREADS -> InProcess.run(world(), work).getFirst();
      case PROCESSES -> RankProcesses.run(world(), Patience.DEFAULT, laterRank, work);
    };
  }

  /**
   * Does this process's part as a later rank.
   *
   * @return whether the work went well; a failure is told to rank 0, which reports it
   */
  public boolean runLater(RankWork<?> work) throws Exception {
    Place here = place.orElseThrow();
    try (Communicator rank =
        Loopback.join(
            here.rank(), world(), here.port(), RunSecret.of(System.getenv()), Patience.DEFAULT)) {
      try {
        rank.work(work);
        return true;
      } catch (Exception | Error e) {
        return false;
      }
    }
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
   * Refuses a video that these ranks cannot make with a model.
   *
   * @throws IllegalArgumentException naming what does not fit, and what would
   */
  public void check(VideoPipeline pipeline, GenerationSettings settings) {
    pipeline.check(groups);
    if (groups.guidance() == 1) {
      return;
    }
    if (!settings.guidance().on()) {
      throw new IllegalArgumentException(
          "guidance has 2 branches for --cfg-parallel-size "
              + groups.guidance()
              + " only above a scale of 1, got "
              + settings.guidance().scale()
              + ": leave --cfg-parallel-size out, or give --guidance-scale 5");
    }
    if (settings.guidance().batched()) {
      throw new IllegalArgumentException(
          "ranks of --cfg-parallel-size 2 run one branch each: leave --batched-guidance out");
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
    if (decoding == 1 || rank.rank() >= decoding) {
      return Optional.empty();
    }
    Communicator together = rank.group(IntStream.range(0, decoding).boxed().toList());
    try (PhaseEvent _ = PhaseEvent.begin("decode")) {
      return Optional.of(pipeline.decodeTiles(size, latents, Tiling.DEFAULT, together));
    }
  }

  /** How large frames are cut into tiles: always where several ranks decode. */
  public Optional<Tiling> tiling(Optional<Tiling> asked) {
    return decoding > 1 ? Optional.of(Tiling.DEFAULT) : asked;
  }

  /** What a generation takes of the memory of one process, see {@link VideoPipeline#memory}. */
  public List<MemoryNeed> memory(
      VideoPipeline pipeline, GenerationSettings settings, Optional<Tiling> asked) {
    int decoders = Math.min(decoding, ranksPerProcess());
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
    shared.put("by tiles of the decoder", decoding);
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
