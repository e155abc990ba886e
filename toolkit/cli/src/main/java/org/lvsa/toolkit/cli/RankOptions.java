// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.backend.DeviceList;
import org.lvsa.toolkit.io.ChildJvm;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.parallel.UlyssesMode;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.pipeline.RankStart;
import org.lvsa.toolkit.vae.RankPatches;
import org.lvsa.toolkit.vae.Tiling;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options of a command that several ranks may run together. */
final class RankOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--tensor-parallel-size",
      paramLabel = "N",
      description = "N ranks that share the weights of each layer of the blocks")
  private Integer tensor;

  @Option(
      names = "--ulysses-degree",
      paramLabel = "N",
      description = "N ranks that divide attention by heads")
  private Integer ulysses;

  @Option(
      names = "--ulysses-mode",
      defaultValue = "strict",
      description =
          "${COMPLETION-CANDIDATES}: whether heads must divide among the ranks of"
              + " --ulysses-degree (default: ${DEFAULT-VALUE})")
  private UlyssesMode mode;

  @Option(
      names = "--ring-degree",
      paramLabel = "N",
      description =
          "N ranks that pass keys and values round; with --ulysses-degree, that many groups of"
              + " ranks")
  private Integer ring;

  @Option(
      names = "--cfg-parallel-size",
      paramLabel = "1|2",
      description = "2: ranks that run the two branches of guidance at the same time")
  private Integer guidance;

  @Option(
      names = "--use-hsdp",
      description = "each rank holds a part of each block's weights, which are gathered before use")
  private boolean hsdp;

  @Option(
      names = "--hsdp-shard-size",
      paramLabel = "N",
      description = "ranks that hold the parts, of --use-hsdp (default: all over the replicas)")
  private Integer shardSize;

  @Option(
      names = "--hsdp-replicate-size",
      paramLabel = "N",
      description = "how many such groups of ranks there are, of --use-hsdp (default: 1)")
  private Integer replicateSize;

  @Option(
      names = "--vae-patch-parallel-size",
      paramLabel = "N",
      description = "N of the ranks decode the frames, in tiles")
  private Integer decoding;

  /** What each rank decodes. */
  enum VaeMode {
    TILE,
    PATCH
  }

  @Option(
      names = "--vae-parallel-mode",
      defaultValue = "tile",
      description =
          "${COMPLETION-CANDIDATES}: what the ranks decode that decode; patch divides frames of any"
              + " size and is not exact (default: ${DEFAULT-VALUE})")
  private VaeMode vaeMode;

  @Option(
      names = "--global-kv-degree",
      paramLabel = "N",
      description =
          "N ranks that divide attention by queries and share the global frames' keys and values")
  private Integer globalKv;

  @Option(
      names = "--ranks",
      defaultValue = "threads",
      description =
          "${COMPLETION-CANDIDATES}: of this JVM, or JVMs over TCP on this machine (default:"
              + " ${DEFAULT-VALUE})")
  private RankStart.Kind ranks;

  @Option(
      names = "--devices",
      paramLabel = "DRIVER:INDEX,…",
      description =
          "devices of the ranks in turn, as ./lvsa devices lists them (default: with --ranks"
              + " processes one each of those like the first)")
  private String devices;

  @Option(
      names = "--joins",
      paramLabel = "RANK:PORT",
      description =
          "this process is that rank: with --ranks processes, start each yourself; rank 0 listens"
              + " on PORT, and all have the same LVSA_RANK_SECRET")
  private String joins;

  /**
   * The ranks that were asked for; one rank if none were.
   *
   * @throws IllegalArgumentException naming the option that is wrong
   */
  RankPlan plan() {
    if (ulysses != null && globalKv != null) {
      throw new IllegalArgumentException("give --ulysses-degree or --global-kv-degree, not both");
    }
    if (ring != null && globalKv != null) {
      throw new IllegalArgumentException("give --ring-degree or --global-kv-degree, not both");
    }
    int byHeads = degree("--ulysses-degree", ulysses);
    int byQueries = degree("--global-kv-degree", globalKv);
    int round = degree("--ring-degree", ring);
    int weights = degree("--tensor-parallel-size", tensor);
    int branches = degree("--cfg-parallel-size", guidance);
    RankGroups shared = new RankGroups(weights, byHeads * byQueries, round, 1, branches, 1);
    int sharding = sharding(shared.world());
    // Without another kind, the ranks make the same video and hold its weights together.
    RankGroups groups =
        shared.world() > 1
            ? shared
            : new RankGroups(
                1, 1, 1, 1, 1, sharding * degree("--hsdp-replicate-size", replicateSize));
    Scheme scheme =
        globalKv != null
            ? Scheme.GLOBAL_KV
            : round == 1 ? Scheme.ULYSSES : byHeads == 1 ? Scheme.RING : Scheme.HYBRID;
    return new RankPlan(
        groups,
        new RankPlan.Decoding(
            degree("--vae-patch-parallel-size", decoding),
            vaeMode == VaeMode.PATCH ? RankPatches.DEFAULT : Tiling.DEFAULT),
        sharding,
        scheme,
        mode,
        new RankStart(
            ranks,
            Optional.ofNullable(joins).map(RankStart.Place::parse),
            this::laterRank,
            Optional.ofNullable(devices).map(DeviceList::parse)));
  }

  /** Ranks that hold parts of the weights together; 1 if nobody asked for it. */
  private int sharding(int world) {
    if (!hsdp) {
      if (shardSize != null || replicateSize != null) {
        throw new IllegalArgumentException(
            "--hsdp-shard-size and --hsdp-replicate-size belong to --use-hsdp: give it too");
      }
      return 1;
    }
    int replicas = degree("--hsdp-replicate-size", replicateSize);
    if (shardSize == null) {
      if (world == 1) {
        throw new IllegalArgumentException(
            "--use-hsdp needs several ranks, got 1: give --hsdp-shard-size 2, or another kind such"
                + " as --ulysses-degree 2");
      }
      if (world % replicas != 0) {
        throw new IllegalArgumentException(
            "--hsdp-replicate-size must divide the number of ranks ("
                + world
                + "), got "
                + replicas
                + ": try 1");
      }
      return world / replicas;
    }
    int size = degree("--hsdp-shard-size", shardSize);
    if (world > 1 && (long) size * replicas != world) {
      throw new IllegalArgumentException(
          "HSDP dimensions ("
              + replicas
              + " x "
              + size
              + " = "
              + (long) size * replicas
              + ") must equal the number of ranks ("
              + world
              + "): leave --hsdp-shard-size out");
    }
    return size;
  }

  private static int degree(String option, Integer given) {
    if (given != null && given < 1) {
      throw new IllegalArgumentException(option + " must be at least 1, got " + given);
    }
    return given == null ? 1 : given;
  }

  /** Another JVM with this one's flags, class path and arguments. */
  private ProcessBuilder laterRank(int rank, int port) {
    List<String> arguments = new ArrayList<>(command.commandLine().getParseResult().originalArgs());
    arguments.add("--joins=" + rank + ":" + port);
    return new ProcessBuilder(ChildJvm.command(Lvsa.class.getName(), arguments));
  }
}
