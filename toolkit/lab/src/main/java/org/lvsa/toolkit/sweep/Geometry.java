// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pattern.Frames;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;

/**
 * A model at one size and length: what the cells of all scales and backends share.
 *
 * @param model the model
 * @param resolution {@code WIDTHxHEIGHT}, {@code -} where patches per frame were given, or {@code
 *     HEIGHTxWIDTH patches}
 * @param frames video frames
 * @param latentFrames latent frames
 * @param grid the patches of a frame
 * @param shape what runs, with the heads that are measured
 * @param rounded what was rounded to fit the model, in words; empty if nothing was
 */
record Geometry(
    ModelGeometry model,
    String resolution,
    int frames,
    int latentFrames,
    PatchGrid grid,
    AttentionShape shape,
    String rounded) {

  /**
   * Every geometry of the settings, in the order model, resolution, frames. What rounding makes
   * equal is listed once.
   *
   * @throws IllegalArgumentException for a size that a model does not take
   */
  static List<Geometry> all(SweepSettings settings) {
    List<Geometry> all = new ArrayList<>();
    Set<List<Object>> seen = new LinkedHashSet<>();
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
      for (Size size : sizes(settings, model)) {
        for (Length length : lengths(settings, model)) {
          if (seen.add(List.of(name, size.resolution(), size.grid(), length.frames()))) {
            all.add(of(settings, model, size, length));
          }
        }
      }
    }
    return all;
  }

  private record Size(String resolution, PatchGrid grid, String rounded) {}

  private record Length(int frames, int latentFrames, String rounded) {}

  private static List<Size> sizes(SweepSettings settings, ModelGeometry model) {
    if (!settings.patchesPerFrame().isEmpty()) {
      return settings.patchesPerFrame().stream()
          .map(patches -> new Size("-", PatchGrid.of(patches), ""))
          .toList();
    }
    if (!settings.grids().isEmpty()) {
      return settings.grids().stream()
          .map(grid -> new Size(grid + " patches", PatchGrid.parse(grid), ""))
          .toList();
    }
    return settings.resolutions().stream()
        .map(
            text -> {
              Resolution asked = Resolution.parse(text);
              Resolution taken = settings.round() ? model.nearestResolution(asked) : asked;
              return new Size(
                  taken.toString(),
                  model.grid(taken),
                  taken.equals(asked) ? "" : "resolution rounded from " + asked);
            })
        .toList();
  }

  private static List<Length> lengths(SweepSettings settings, ModelGeometry model) {
    if (!settings.latentFrames().isEmpty()) {
      return settings.latentFrames().stream()
          .map(latent -> new Length(model.videoFrames(latent), latent, ""))
          .toList();
    }
    return settings.frames().stream()
        .map(
            asked -> {
              int taken = settings.round() ? model.nearestFrames(asked) : asked;
              return new Length(
                  taken,
                  model.latentFrames(taken),
                  taken == asked ? "" : "frames rounded from " + asked);
            })
        .toList();
  }

  private static Geometry of(
      SweepSettings settings, ModelGeometry model, Size size, Length length) {
    int heads = settings.heads() == 0 ? model.heads() : settings.heads();
    int group = model.heads() / model.kvHeads();
    int kvHeads = Math.max(1, heads / group);
    AttentionShape shape =
        new AttentionShape(
            settings.batch(),
            length.latentFrames(),
            size.grid().patches(),
            0,
            heads,
            heads % kvHeads == 0 ? kvHeads : heads,
            model.headDim());
    String rounded =
        String.join(
            "; ",
            List.of(size.rounded(), length.rounded()).stream().filter(s -> !s.isEmpty()).toList());
    return new Geometry(
        model,
        size.resolution(),
        length.frames(),
        length.latentFrames(),
        size.grid(),
        shape,
        rounded);
  }

  /** The cell at a sparsity scale on a backend. */
  Cell cell(SweepSettings settings, InputSource input, double sparsityScale, String backend) {
    return cell(settings, input, sparsityScale, "lvsa", Double.NaN, backend);
  }

  /**
   * All cells on a backend: LVSA at each sparsity scale, then each pattern at each density, or with
   * its own parameters where no density is asked for.
   */
  List<Cell> cells(SweepSettings settings, InputSource input, String backend) {
    List<Cell> cells = new ArrayList<>();
    settings.sparsityScales().forEach(scale -> cells.add(cell(settings, input, scale, backend)));
    for (String pattern : settings.patterns()) {
      if (settings.densities().isEmpty()) {
        cells.add(cell(settings, input, Double.NaN, pattern, Double.NaN, backend));
      }
      for (double density : settings.densities()) {
        cells.add(cell(settings, input, Double.NaN, pattern, density, backend));
      }
    }
    return cells;
  }

  private Cell cell(
      SweepSettings settings,
      InputSource input,
      double sparsityScale,
      String pattern,
      double askedDensity,
      String backend) {
    return new Cell(
        model.name(),
        resolution,
        frames,
        latentFrames,
        grid.patches(),
        shape.batch(),
        shape.heads(),
        shape.kvHeads(),
        shape.headDim(),
        DType.valueOf(settings.dtype()),
        sparsityScale,
        backend,
        input.label(),
        settings.seed(),
        pattern,
        askedDensity);
  }

  /** The pattern at a sparsity scale. */
  Pattern pattern(SweepSettings settings, double sparsityScale) {
    return Pattern.build(patternSettings(settings, sparsityScale));
  }

  private PatternSettings patternSettings(SweepSettings settings, double sparsityScale) {
    return model.pattern(
        latentFrames,
        grid.patches(),
        settings.window() < 0 ? model.defaultWindow() : settings.window(),
        settings.firstFrames() < 0 ? model.defaultFirstFrames() : settings.firstFrames(),
        sparsityScale,
        OptionalInt.empty());
  }

  /**
   * The most (query frame, key frame) pairs that the pattern of any scale may attend to, without
   * building one.
   */
  long mostAttended(SweepSettings settings) {
    long most = 0;
    for (double scale : settings.sparsityScales()) {
      PatternSettings s = patternSettings(settings, scale);
      long interval =
          Frames.automaticInterval(
              latentFrames, s.window(), s.firstFrames(), s.referenceFrames(), scale);
      long globals = Math.ceilDiv(latentFrames, interval) + s.firstFrames();
      long perFrame = Math.min(latentFrames, globals + 2L * s.window() + 1);
      most = Math.max(most, latentFrames * perFrame);
    }
    return most;
  }

  /** A remark about the cells of this geometry; empty if there is none. */
  String remark() {
    int all = model.heads();
    String heads = shape.heads() == all ? "" : shape.heads() + " of " + all + " heads";
    return rounded.isEmpty() ? heads : heads.isEmpty() ? rounded : heads + "; " + rounded;
  }

  /** For messages: {@code wan2.1-1.3b 832x480 81 frames}. */
  String title() {
    return Messages.oneLine(
        model.name()
            + " "
            + (resolution.equals("-") ? grid.patches() + " patches" : resolution)
            + " "
            + frames
            + " frames");
  }
}
