// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.cache.CacheConfigReader;
import org.lvsa.toolkit.cli.CacheSweepPreset.Cache;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.VideoSize;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "sweep-cache",
    description =
        "Denoises one video with step caches, each with dense and with sparse-window attention, and"
            + " compares speed and picture with the dense video that no cache made.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "DIR/cache.csv has a row per run, written as soon as it is done, with what each step did;",
      "DIR/cache-pareto.png shows the speed-up against the PSNR, with the runs that no other run",
      "beats in both.",
      "",
      "Examples:",
      "  ./lvsa sweep-cache --model DIR --prompt 'A cat walks' --frames 81 --steps 50 -o caches",
      "  ./lvsa sweep-cache --model DIR --prompt 'A cat walks' --steps 28 -o caches \\",
      "      --cache 'cache_dit={\"residual_diff_threshold\": 0.12}' --cache first_block",
      "  ./lvsa sweep-cache --random-weights wan2.1-1.3b --frames 81 --steps 28 --preset scripted \\",
      "      --sparsity-scales 0.5,1 --latents-only --dense-runs once --max-minutes 8 -o timing"
    })
final class SweepCacheCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;
  @Mixin private SamplingOptions sampling;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "DIR",
      required = true,
      description = "takes the results")
  private Path output;

  @Option(
      names = "--attentions",
      split = ",",
      defaultValue = "dense,lvsa",
      description = "a list of dense and lvsa (default: ${DEFAULT-VALUE})")
  private List<CacheSweep.Attention> attentions;

  @Option(
      names = "--sparsity-scales",
      paramLabel = "SCALE",
      split = ",",
      description = "a list of scales of lvsa (default: --sparsity-scale)")
  private List<Double> scales = new ArrayList<>();

  @Option(
      names = "--cache",
      paramLabel = "BACKEND[=JSON]",
      description = "a cache with its --cache-config; may be repeated (default: those of --preset)")
  private List<String> caches = new ArrayList<>();

  @Option(
      names = "--preset",
      defaultValue = "all",
      description =
          "${COMPLETION-CANDIDATES}: some caches of each kind, or those that decide by the step's"
              + " number alone, for timing random weights (default: ${DEFAULT-VALUE})")
  private CacheSweepPreset preset;

  @Option(
      names = "--latents-only",
      description = "compare latents and decode no frames, for timing: psnr_db and ssim stay empty")
  private boolean latentsOnly;

  @Option(
      names = "--reps",
      defaultValue = "1",
      description =
          "runs of each, in turn with dense ones without a cache; the medians count (default:"
              + " ${DEFAULT-VALUE})")
  private int reps;

  @Option(
      names = "--dense-runs",
      paramLabel = "each|once",
      defaultValue = "each",
      description =
          "${COMPLETION-CANDIDATES}: what a speed-up compares with: a dense run without a cache"
              + " beside each run, so that what else the machine does meets both, or those at the"
              + " beginning alone, where nothing else runs (default: ${DEFAULT-VALUE})")
  private CacheSweep.DenseRuns denseRuns;

  @Option(
      names = "--max-minutes",
      paramLabel = "N",
      description =
          "begin no run that would end later, if it took as long as the longest so far; --resume"
              + " makes what is left out (default: no limit)")
  private Double maxMinutes;

  @Option(names = "--resume", description = "leave out rows that DIR/cache.csv has")
  private boolean resume;

  @Mixin private HowOptions how;
  @Mixin private AttentionOptions attention;
  @Mixin private OffloadOptions offload;
  @Mixin private TransformerOption transformer;

  @Override
  public Integer call() throws Exception {
    final long begun = System.nanoTime();
    if (reps < 1) {
      throw new IllegalArgumentException("--reps must be at least 1, got " + reps);
    }
    if (maxMinutes != null && !(maxMinutes > 0)) {
      throw new IllegalArgumentException("--max-minutes must be above 0, got " + maxMinutes);
    }
    if (!scales.isEmpty() && !attentions.contains(CacheSweep.Attention.LVSA)) {
      throw new IllegalArgumentException("--sparsity-scales belongs to --attentions with lvsa");
    }
    for (double scale : scales) {
      // Refuses a scale that is none before anything runs.
      LvsaConfig.defaults().with(Setting.LVSA_SPARSITY_SCALE, Double.toString(scale));
    }
    List<Cache> given = caches.stream().map(SweepCacheCommand::cache).toList();
    offload.check(model.random(), 1, transformer.place());
    transformer.checkVae(1);
    CacheSweep.Plan plan =
        new CacheSweep.Plan(
            attentions,
            scales,
            given,
            preset,
            new CacheSweep.Timing(
                reps,
                denseRuns,
                begun,
                maxMinutes == null ? OptionalDouble.empty() : OptionalDouble.of(maxMinutes)),
            new CacheSweep.Decoding(!latentsOnly, how.tiling()),
            transformer.place() == TransformerOption.Place.DEVICE);
    try (VideoSetup setup =
        VideoSetup.open(spec, model, sampling, how, attention, offload, transformer)) {
      PrintWriter err = spec.commandLine().getErr();
      VideoSize size = setup.settings().size();
      DeviceChoice device =
          transformer.decoding(
              TransformerOption.choice(setup.attention().config(), attention.kernel())
                  .withKept(plan.keeps(setup.settings().steps()))
                  .withOutputs(plan.outputs())
                  .with(offload.residence())
                  .withTurns(offload.turns()),
              setup.pipeline(),
              !latentsOnly,
              how.tiling());
      transformer.require(setup.pipeline(), size, device, err);
      Files.createDirectories(output);
      transformer.place(setup.pipeline(), Optional.of(size), device, err);
      new CacheSweep(setup, plan, output, spec.commandLine()).run(resume);
    }
    return 0;
  }

  private static Cache cache(String text) {
    int equals = text.indexOf('=');
    String backend = equals < 0 ? text : text.substring(0, equals);
    String json = equals < 0 ? "{}" : text.substring(equals + 1);
    Optional<?> known = CacheConfigReader.read(backend, json);
    if (known.isEmpty()) {
      throw new IllegalArgumentException("the run without a cache is always part of the sweep");
    }
    return new Cache(backend, json);
  }
}
