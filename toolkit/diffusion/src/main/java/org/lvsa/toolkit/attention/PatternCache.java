// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;

/**
 * The patterns of one generation, each built once: one per sequence geometry and per offset of the
 * rotating keyframes.
 *
 * <p>Window and first frames are set in video frames and divided by the temporal factor. Rotating
 * keyframes have the automatic interval, whatever interval is set.
 */
final class PatternCache {
  private final ConcurrentHashMap<PatternSettings, Pattern> built = new ConcurrentHashMap<>();
  private final LvsaConfig config;
  private final StepCounting counting;
  private final int boundaries;
  private final boolean rotate;

  /**
   * @param boundaries ranks whose boundaries the pattern guards with global frames; 1 for none
   */
  PatternCache(LvsaConfig config, StepCounting counting, int boundaries) {
    this.config = config;
    this.counting = counting;
    this.boundaries = boundaries;
    rotate = config.on(Setting.LVSA_ROTATE_KEYFRAMES);
  }

  /** The pattern of a step. */
  Pattern at(SequenceGeometry geometry, int step) {
    Pattern first = first(geometry);
    int offset = rotate ? step % first.keyFrameInterval() : 0;
    return offset == 0 ? first : build(first.settings().rotatedTo(offset));
  }

  /** The pattern of step 0. */
  Pattern first(SequenceGeometry geometry) {
    return build(settings(geometry));
  }

  private Pattern build(PatternSettings settings) {
    return built.computeIfAbsent(settings, s -> Pattern.guarded(s, boundaries));
  }

  /** The settings of the pattern of step 0. */
  PatternSettings settings(SequenceGeometry geometry) {
    PatternSettings given =
        PatternSettings.of(
                geometry.latentFrames(),
                geometry.patchesPerFrame(),
                config.latentWindow(),
                config.latentFirstFrames(),
                config.number(Setting.LVSA_REFERENCE_LATENT_FRAMES),
                config.sparsityScale())
            .withRotateKeyframes(rotate)
            .withExpandWindow(config.on(Setting.LVSA_EXPAND_WINDOW));
    OptionalInt interval = rotate ? OptionalInt.empty() : config.latentKeyFrameInterval();
    return switch (counting) {
      // The example programs shrink a window that covers the video even where an interval is given.
      case EXAMPLES -> given.shrunkToHorizon().withKeyFrameInterval(interval);
      case PLUGIN -> given.withKeyFrameInterval(interval).shrunkToHorizon();
    };
  }

  /** How many patterns were built so far. */
  int size() {
    return built.size();
  }
}
