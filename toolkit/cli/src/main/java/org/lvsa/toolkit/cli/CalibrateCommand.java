// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.cache.CacheSettings;
import org.lvsa.toolkit.cache.CacheSummary;
import org.lvsa.toolkit.cache.StepCache;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.pipeline.VideoSize;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "calibrate",
    description =
        "Measures for a model what a step cache has to know: the coefficients of TeaCache's"
            + " polynomial, or MagCache's ratios of magnitudes. One video is denoised, with every"
            + " block computed.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "The result is a --cache-config. Examples:",
      "  ./lvsa calibrate teacache --model DIR --prompt 'A cat walks' --steps 50 -o tea.json",
      "  ./lvsa generate --model DIR --prompt 'A dog runs' --cache-backend tea_cache \\",
      "      --cache-config tea.json -o dog.mp4"
    })
final class CalibrateCommand implements Callable<Integer> {
  /** What is measured. */
  enum Method {
    TEACACHE(CacheSettings.measuringTeaCache()),
    MAGCACHE(CacheSettings.measuringMagCache());

    private final CacheSettings settings;

    Method(CacheSettings settings) {
      this.settings = settings;
    }
  }

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "METHOD", description = "${COMPLETION-CANDIDATES}")
  private Method method;

  @Mixin private ModelOptions model;
  @Mixin private SamplingOptions sampling;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE.json",
      description = "takes the result too")
  private Path output;

  @Mixin private HowOptions how;
  @Mixin private AttentionOptions attention;
  @Mixin private OffloadOptions offload;
  @Mixin private TransformerOption transformer;

  @Override
  public Integer call() throws Exception {
    if (output != null) {
      OutputFile.check(output);
    }
    offload.check(model.random(), 1, transformer.place());
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    try (VideoSetup setup =
            VideoSetup.open(spec, model, sampling, how, attention, offload, transformer);
        GenerateProgress progress = new GenerateProgress(err, "")) {
      DeviceChoice device =
          TransformerOption.choice(setup.attention().config(), attention.kernel())
              .withKept(StepCache.keeps(method.settings))
              .with(offload.residence())
              .withTurns(offload.turns());
      VideoSize size = setup.settings().size();
      transformer.require(setup.pipeline(), size, device, err);
      transformer.place(setup.pipeline(), Optional.of(size), device, err);
      VideoRun run =
          new VideoRun(
              setup.pipeline(),
              setup.settings(),
              setup.attention().withCache(Optional.of(method.settings)),
              progress);
      progress.phase("encoding the prompts");
      VideoRun.Denoised denoised;
      try (Denoising denoising = setup.pipeline().prepare(setup.settings())) {
        denoised = run.denoise(denoising, VideoRun.Saving.none(), false);
      }
      CacheSummary.Measured measured =
          denoised.cache().flatMap(CacheSummary::measured).orElseThrow();
      if (output != null) {
        OutputFile.write(
            output, file -> file.write((measured.json() + "\n").getBytes(StandardCharsets.UTF_8)));
      }
      out.println(measured.json());
      out.println(measured.quality());
      out.flush();
    }
    return 0;
  }
}
