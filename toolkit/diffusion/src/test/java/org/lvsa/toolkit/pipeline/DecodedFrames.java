// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.vae.Rgb;

/** The frames of clean latents, as recorded runs have them. */
public final class DecodedFrames {
  private DecodedFrames() {}

  /** The bytes of each frame, {@code [height, width, 3]}, rounded to the nearest level. */
  public static List<byte[]> of(VideoPipeline pipeline, VideoSize size, float[] latents) {
    List<byte[]> frames = new ArrayList<>();
    pipeline.decode(
        size,
        latents,
        Optional.empty(),
        (first, volume) -> {
          for (int i = 0; i < volume.frames(); i++) {
            frames.add(Rgb.ROUNDED.bytes(volume, i));
          }
        });
    return frames;
  }
}
