// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.offload.OffloadMode;
import org.lvsa.toolkit.offload.OffloadableComponents;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.OffloadedPipeline;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import picocli.CommandLine.Option;

/** The options that let go the weights that are not needed now. */
final class OffloadOptions {
  @Option(
      names = "--enable-cpu-offload",
      description =
          "have only the weights of encoders, transformer or VAE in memory, in turn. With"
              + " --transformer device: transformer or VAE on the device, all in the host's memory")
  private boolean model;

  @Option(
      names = "--enable-layerwise-offload",
      description =
          "also have only two blocks of the transformer in memory, the next one read while one"
              + " runs; wins over --enable-cpu-offload. With --transformer device: two blocks on the"
              + " device, all in the host's memory")
  private boolean layerwise;

  /** What is asked for; empty to keep all weights. */
  Optional<OffloadMode> mode() {
    if (layerwise) {
      return Optional.of(OffloadMode.LAYERWISE);
    }
    return model ? Optional.of(OffloadMode.MODEL) : Optional.empty();
  }

  /** Which blocks' weights a device holds where the transformer is there. */
  Residence residence() {
    return layerwise ? Residence.TWO_BLOCKS : Residence.ALL_BLOCKS;
  }

  /** Whether transformer and VAE take turns on a device where both are there. */
  boolean turns() {
    return model;
  }

  /**
   * Refuses what offloading cannot be combined with, before a model is opened.
   *
   * @param random whether weights are random numbers
   * @param ranks that share the work
   * @param place of the transformer
   */
  void check(boolean random, int ranks, TransformerOption.Place place) {
    mode().ifPresent(mode -> check(mode, random, ranks, place));
  }

  private static void check(
      OffloadMode mode, boolean random, int ranks, TransformerOption.Place place) {
    if (place == TransformerOption.Place.DEVICE) {
      return;
    }
    if (random) {
      throw new IllegalArgumentException(
          option(mode)
              + " needs weights in files, to read them again: give --model DIR in place"
              + " of --random-weights");
    }
    if (ranks > 1) {
      throw new IllegalArgumentException(
          option(mode)
              + " runs on 1 rank, since the ranks of a process share their weights, got "
              + ranks
              + " ranks");
    }
  }

  /**
   * Refuses what does not fit into memory, and names the option with which it would, before
   * anything is loaded.
   *
   * @param pipeline that offloads where that is asked for
   * @param memory what a pipeline needs
   * @param possible whether weights could be let go
   * @param log is told the needs where weights are let go
   * @throws UnavailableException saying what is needed and what is free
   */
  void require(
      VideoPipeline pipeline,
      Function<VideoPipeline, List<MemoryNeed>> memory,
      boolean possible,
      Consumer<String> log) {
    List<MemoryNeed> needs = memory.apply(pipeline);
    if (pipeline instanceof OffloadedPipeline) {
      log.accept(
          "[offload] before loading: "
              + needs.stream().map(MemoryNeed::toString).collect(Collectors.joining(", ")));
    }
    Optional<String> lack = MemoryNeed.lacking(needs);
    if (lack.isEmpty()) {
      return;
    }
    if (possible && !layerwise && pipeline instanceof OffloadableComponents) {
      List<MemoryNeed> less =
          memory.apply(new OffloadedPipeline(pipeline, OffloadMode.LAYERWISE, line -> {}));
      if (MemoryNeed.lacking(less).isEmpty()) {
        throw new UnavailableException(
            lack.get() + ": with --enable-layerwise-offload " + MemoryNeed.largest(less));
      }
    }
    throw new UnavailableException(lack.get());
  }

  private static String option(OffloadMode mode) {
    return mode == OffloadMode.LAYERWISE ? "--enable-layerwise-offload" : "--enable-cpu-offload";
  }

  /** The pipeline, or one that offloads. */
  VideoPipeline around(
      VideoPipeline pipeline, TransformerOption.Place place, Consumer<String> log) {
    if (place == TransformerOption.Place.DEVICE) {
      // What takes turns, takes them on the device; the host's memory is where it comes from.
      return pipeline;
    }
    if (model && layerwise) {
      log.accept("--enable-layerwise-offload is taken: it includes --enable-cpu-offload");
    }
    return mode()
        .<VideoPipeline>map(mode -> new OffloadedPipeline(pipeline, mode, log))
        .orElse(pipeline);
  }
}
