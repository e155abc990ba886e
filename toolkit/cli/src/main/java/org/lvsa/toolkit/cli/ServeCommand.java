// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.lvsa.toolkit.attention.PatternAttention;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.maker.MakerSettings;
import org.lvsa.toolkit.maker.PipelineMaker;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.RankPlan;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.serving.ServerSettings;
import org.lvsa.toolkit.serving.VideoServer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "serve",
    description =
        "Serves a video model over HTTP, in the shapes of OpenAI's video API, with a page at /.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "The server listens to this machine alone, unless --host says otherwise; an API key is",
      "required then. Videos and jobs lie under --data and outlive the server. docs/serving.md has",
      "every endpoint, field, error and metric. SIGTERM lets the running job end within --grace.",
      "",
      "Examples:",
      "  LVSA_SPARSITY_SCALE=0.5 ./lvsa serve --model Wan2.1-T2V-1.3B-Diffusers --attention lvsa",
      "  ./lvsa serve --model DIR --host 0.0.0.0 --api-key-file key.txt --data /srv/videos \\",
      "      --quota 50G --queue 8",
      "  curl -F prompt='A cat walks on the grass' -F num_frames=33 http://127.0.0.1:8098/v1/videos"
    })
final class ServeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelOptions model;
  @Mixin private ServerOptions server;
  @Mixin private StorageOptions storage;
  @Mixin private BoundOptions bounds;

  @Option(
      names = "--served-model-name",
      paramLabel = "NAME",
      description = "the model's name for clients (default: the name of its folder)")
  private String servedName;

  @Mixin private HowOptions how;
  @Mixin private AttentionOptions attention;
  @Mixin private RankOptions rankOptions;
  @Mixin private CacheOptions cacheOptions;
  @Mixin private TransformerOption transformer;
  @Mixin private OffloadOptions offload;
  @Mixin private LoadOptions load;

  @Option(names = PipelineMaker.REQUEST_OPTION, hidden = true, description = "of a later rank")
  private Path joinsRequest;

  @Override
  public Integer call() throws Exception {
    check();
    PrintWriter err = spec.commandLine().getErr();
    // What is wrong with the settings is told now and not by the first request.
    LvsaConfig config =
        attention.config(
            Lvsa.environment(spec), Map.of(), line -> err.println("lvsa: warning: " + line));
    ServerSettings settings = server.settings(storage, bounds.bounds());
    String name = servedName == null ? model.name() : servedName;
    ModelOptions.Opened opened = model.open();
    VideoPipeline pipeline =
        offload.around(
            opened.pipeline(), transformer.place(), line -> err.println("lvsa: " + line));
    DeviceChoice device =
        transformer.decoding(
            TransformerOption.choice(config, attention.kernel(), cacheOptions, offload),
            pipeline,
            true,
            how.tiling());
    try (PipelineMaker maker = new PipelineMaker(pipeline, name, making(config, device))) {
      how.riflex().ifPresent(pipeline::riflex);
      if (joinsRequest != null) {
        return maker.takePart(joinsRequest) ? 0 : Lvsa.FAILED;
      }
      load.read(opened.weights(), err);
      transformer.place(pipeline, Optional.empty(), device, err);
      maker.logSettings();
      try (VideoServer started = VideoServer.start(settings, maker)) {
        return serve(started, settings, name);
      }
    }
  }

  /** Refuses options that do not fit together, before a model is opened. */
  private void check() {
    model.check();
    load.check();
    RankPlan ranks = rankOptions.plan();
    if (joinsRequest == null && ranks.start().place().isPresent()) {
      throw new IllegalArgumentException("a server starts its ranks itself: leave --joins out");
    }
    boolean isCached = cacheOptions.settings().isPresent();
    ranks.checkCache(isCached);
    offload.check(model.random(), ranks.world(), transformer.place());
    transformer.check(ranks.world() > 1 || attention.pattern().isPresent());
    transformer.checkVae(ranks.decoding().ranks());
    attention
        .pattern()
        .ifPresent(text -> PatternAttention.requireOneRank(text, ranks.groups().sequence()));
  }

  private MakerSettings making(LvsaConfig config, DeviceChoice device) {
    return new MakerSettings(
        new MakerSettings.Attention(
            Lvsa.environment(spec),
            attention.typed(),
            attention.pattern(),
            how.lvsaSteps(),
            attention.kernel(),
            how.textMask()),
        new MakerSettings.Guidance(
            how.batchedGuidance(), how.dynamicGuidance(), how.normalisedGuidance(), how.guider()),
        rankOptions.plan().onDevices(config, attention.kernel()),
        cacheOptions.settings(),
        how.tiling(),
        transformer.device(device));
  }

  /** Until the process is told to end, or the thread that runs the command is interrupted. */
  private int serve(VideoServer started, ServerSettings settings, String name) {
    OutputFile.beforeExit(() -> end(started));
    PrintWriter out = spec.commandLine().getOut();
    out.println(
        "serving "
            + Messages.cut(name)
            + " at http://"
            + settings.address().host()
            + ":"
            + started.port()
            + "/, videos in "
            + settings.jobs().folder());
    out.flush();
    try {
      new CountDownLatch(1).await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }

  private static void end(VideoServer started) {
    try {
      started.stop();
      started.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      System.err.println("lvsa: " + Messages.reason(e));
    }
  }
}
