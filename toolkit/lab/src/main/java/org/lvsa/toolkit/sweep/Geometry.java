// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pattern.Pattern;

/**
 * A model at a size: what dense attention is measured on once, and sparse at every scale.
 *
 * @param model the model
 * @param resolution {@code WIDTHxHEIGHT}, or {@code -} where patches were given
 * @param frames video frames
 * @param latentFrames latent frames
 * @param grid the patches of a frame
 * @param shape what runs, with the heads that are measured
 */
record Geometry(
    ModelGeometry model,
    String resolution,
    int frames,
    int latentFrames,
    PatchGrid grid,
    AttentionShape shape) {

  /** Every geometry of the settings, in the order model, resolution, frames. */
  static List<Geometry> all(SweepSettings settings) {
    List<Geometry> all = new ArrayList<>();
    for (String name : settings.models()) {
      ModelGeometry model = Models.named(name);
      if (settings.heads() > model.heads()) {
        throw new IllegalArgumentException(
            "heads must be at most "
                + model.heads()
                + " for "
                + name
                + ", got "
                + settings.heads());
      }
      if (settings.patchesPerFrame().isEmpty()) {
        for (String text : settings.resolutions()) {
          Resolution resolution = Resolution.parse(text);
          addLengths(all, settings, model, resolution.toString(), model.grid(resolution));
        }
      } else {
        for (int patches : settings.patchesPerFrame()) {
          atLeast("patches per frame", patches);
          addLengths(all, settings, model, "-", PatchGrid.of(patches));
        }
      }
    }
    return all;
  }

  private static void addLengths(
      List<Geometry> all,
      SweepSettings settings,
      ModelGeometry model,
      String resolution,
      PatchGrid grid) {
    if (settings.latentFrames().isEmpty()) {
      for (int frames : settings.frames()) {
        all.add(of(settings, model, resolution, grid, frames, model.latentFrames(frames)));
      }
    } else {
      for (int latent : settings.latentFrames()) {
        atLeast("latent frames", latent);
        int frames = (latent - 1) * model.temporalFactor() + 1;
        all.add(of(settings, model, resolution, grid, frames, latent));
      }
    }
  }

  private static void atLeast(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, got " + value);
    }
  }

  private static Geometry of(
      SweepSettings settings,
      ModelGeometry model,
      String resolution,
      PatchGrid grid,
      int frames,
      int latentFrames) {
    int heads = settings.heads() == 0 ? model.heads() : settings.heads();
    int group = model.heads() / model.kvHeads();
    int kvHeads = Math.max(1, heads / group);
    AttentionShape shape =
        new AttentionShape(
            settings.batch(),
            latentFrames,
            grid.patches(),
            0,
            heads,
            heads % kvHeads == 0 ? kvHeads : heads,
            model.headDim());
    return new Geometry(model, resolution, frames, latentFrames, grid, shape);
  }

  /** The pattern at a sparsity scale. */
  Pattern pattern(SweepSettings settings, double sparsityScale) {
    return Pattern.build(
        model.pattern(
            latentFrames,
            grid.patches(),
            settings.window() < 0 ? model.defaultWindow() : settings.window(),
            settings.firstFrames() < 0 ? model.defaultFirstFrames() : settings.firstFrames(),
            sparsityScale,
            OptionalInt.empty()));
  }

  /** Bytes of query, key, value, the dense and the sparse output. */
  long bytes(DType dtype) {
    return (shape.queryElements() + 2 * shape.keyElements()) * dtype.bytes()
        + 2 * shape.queryElements() * Float.BYTES;
  }

  /** For messages: {@code wan2.1-1.3b 832x480 81 frames}. */
  String title() {
    return model.name()
        + " "
        + (resolution.equals("-") ? grid.patches() + " patches" : resolution)
        + " "
        + frames
        + " frames";
  }
}
