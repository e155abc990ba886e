// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.Optional;
import java.util.function.Consumer;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.vision.Picture;
import picocli.CommandLine.Model.CommandSpec;

/**
 * A model that is opened and what is asked of it, for commands that make the same video several
 * times.
 *
 * @param pipeline closed together with this
 * @param settings what is asked for
 * @param attention how the video's tokens attend
 */
record VideoSetup(
    VideoPipeline pipeline, GenerationSettings settings, GenerationAttention.Settings attention)
    implements AutoCloseable {

  /**
   * Opens the model that the options name; how videos are made is in {@code how}. It refuses what
   * does not fit the model or the memory.
   */
  static VideoSetup open(
      CommandSpec spec,
      ModelOptions model,
      SamplingOptions sampling,
      HowOptions how,
      AttentionOptions attention,
      OffloadOptions offload,
      TransformerOption transformer) {
    model.check();
    Consumer<String> log = line -> spec.commandLine().getErr().println("lvsa: " + line);
    VideoPipeline pipeline = offload.around(model.open().pipeline(), transformer.place(), log);
    try {
      sampling.check(pipeline, how);
      GenerationSettings.Inputs inputs = sampling.inputs(how);
      GenerationSettings settings =
          sampling.settings(
              pipeline.defaults(inputs.image().map(Picture::size)), how, inputs, !model.random());
      LvsaConfig config =
          transformer.backend(
              attention.config(
                  Lvsa.environment(spec),
                  pipeline.attentionDefaults(settings),
                  line -> log.accept("warning: " + line)),
              attention.kernel());
      offload.require(pipeline, one -> one.memory(settings, how.tiling(), 1), !model.random(), log);
      return new VideoSetup(
          pipeline,
          settings,
          new GenerationAttention.Settings(
              config, how.lvsaSteps(), attention.kernel(), Optional.empty()));
    } catch (RuntimeException e) {
      pipeline.close();
      throw e;
    }
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
