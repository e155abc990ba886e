// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.offload.Offload;
import org.lvsa.toolkit.offload.OffloadMode;
import org.lvsa.toolkit.offload.OffloadableComponents;
import org.lvsa.toolkit.parallel.RankGroups;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;

/**
 * A pipeline that lets the weights go that are not needed now. Its videos are the same bit for bit.
 */
public final class OffloadedPipeline implements VideoPipeline {
  private final VideoPipeline inner;
  private final Offload offload;

  /**
   * A pipeline that offloads.
   *
   * @param inner closed together with this one
   * @param log takes lines that say what takes turns, and how much was in memory
   * @throws IllegalArgumentException if the pipeline's weights cannot be let go, saying why
   */
  public OffloadedPipeline(VideoPipeline inner, OffloadMode mode, Consumer<String> log) {
    if (!(inner instanceof OffloadableComponents components)) {
      throw new IllegalArgumentException(
          mode.title()
              + " offloading is not supported by "
              + inner.className()
              + ": it does not tell its components");
    }
    this.inner = inner;
    offload = Offload.of(mode, components, log);
  }

  @Override
  public Denoising prepare(GenerationSettings settings) {
    try (Offload.Part _ = offload.encoding()) {
      return new Offloaded(inner.prepare(settings), offload);
    }
  }

  private record Offloaded(Denoising inner, Offload offload) implements Denoising {
    @Override
    public float[] run(
        GenerationAttention attention,
        Optional<ResumeFile.State> from,
        Denoising.StepReceiver receiver) {
      try (Offload.Denoising part = offload.denoising()) {
        attention.offload(part.turns());
        return inner.run(attention, from, receiver);
      }
    }

    @Override
    public Denoising forRank(RankPlace place) {
      throw new IllegalArgumentException(
          "offloading runs on one rank, since ranks of a process share their weights: leave it or"
              + " the ranks out");
    }

    @Override
    public void close() {
      inner.close();
    }
  }

  @Override
  public void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink) {
    try (Offload.Part _ = offload.decoding()) {
      inner.decode(size, latents, tiling, sink);
    }
  }

  @Override
  public String className() {
    return inner.className();
  }

  @Override
  public Set<Capability> capabilities() {
    return inner.capabilities();
  }

  @Override
  public Set<Capability> required() {
    return inner.required();
  }

  @Override
  public PipelineDefaults defaults() {
    return inner.defaults();
  }

  @Override
  public PipelineDefaults defaults(Optional<Resolution> picture) {
    return inner.defaults(picture);
  }

  @Override
  public Map<String, Integer> geometry() {
    return inner.geometry();
  }

  @Override
  public LatentSize latents(VideoSize size) {
    return inner.latents(size);
  }

  @Override
  public AttendedVideo attended(VideoSize size) {
    return inner.attended(size);
  }

  @Override
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return inner.attentionDefaults(settings);
  }

  @Override
  public void check(RankGroups ranks) {
    inner.check(ranks);
  }

  @Override
  public List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    return inner.memory(settings, tiling, ranks).stream()
        .map(
            need ->
                need.part().equals(MemoryNeed.DENOISING)
                    ? new MemoryNeed(need.part(), need.bytes() - offload.savedWhileDenoising())
                    : need)
        .toList();
  }

  @Override
  public int decodedFrames(VideoSize size) {
    return inner.decodedFrames(size);
  }

  @Override
  public void riflex(double scale) {
    inner.riflex(scale);
  }

  @Override
  public String toString() {
    return inner.toString();
  }

  @Override
  public void close() {
    inner.close();
  }
}
