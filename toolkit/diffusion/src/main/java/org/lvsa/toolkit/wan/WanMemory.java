// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.vae.WanVaeConfig;

/** What a generation with a Wan model takes of the machine's memory. */
final class WanMemory {
  /** Copies of the latents that the loop, the scheduler and a resume file hold at once. */
  private static final long SAMPLES = 10;

  private WanMemory() {}

  /**
   * Part by part.
   *
   * @param tiling how large frames are cut into tiles; empty to decode them whole
   * @param ranks of this process, each of which denoises
   */
  static List<MemoryNeed> needs(
      WanModel model, GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    LatentSize size = model.latents(settings.size());
    WanModel.Parts parts = model.parts();
    long tokens = (long) size.elements() / size.channels() / model.config().patch().size();
    int batch = settings.guidance().on() && settings.guidance().batched() ? 2 : 1;
    long samples = SAMPLES * size.elements() * Float.BYTES;
    WanVaeConfig vae = parts.vae().config();
    long vaeBytes = parts.vae().weightBytes();
    Resolution resolution = settings.size().resolution();
    List<MemoryNeed> needs = new ArrayList<>();
    needs.add(new MemoryNeed("encoding the prompts", parts.prompts().bytes()));
    if (settings.inputs().image().isPresent()) {
      long encoding =
          vaeBytes
              + AutoencoderKlWan.encodeBytes(vae, resolution.height(), resolution.width())
              + samples;
      long clip = parts.clip().map(one -> one.encoder().bytes()).orElse(0L);
      needs.add(new MemoryNeed("encoding the pictures", Math.max(encoding, clip)));
    }
    needs.add(
        new MemoryNeed(
            MemoryNeed.DENOISING,
            parts.transformers().bytes()
                + ranks * (model.config().workingBytes(batch, tokens) + samples)));
    int rows =
        tiling.map(t -> Math.min(resolution.height(), t.tileHeight())).orElse(resolution.height());
    int columns =
        tiling.map(t -> Math.min(resolution.width(), t.tileWidth())).orElse(resolution.width());
    needs.add(
        new MemoryNeed(
            "decoding", vaeBytes + AutoencoderKlWan.decodeBytes(vae, rows, columns) + samples));
    return needs;
  }
}
