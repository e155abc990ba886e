// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.Locale;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.pattern.Pattern;
import org.slf4j.event.Level;

/**
 * The lines that the published implementation logs about a generation: what was detected, once per
 * geometry, and memory, time and mask per step, as the settings ask for them.
 */
final class PublishedLines {
  private final LvsaConfig config;
  private final GenerationLog log;
  private int maskLogged = -1;
  private int timedStep;
  private long stepStarted;

  PublishedLines(LvsaConfig config, GenerationLog log) {
    this.config = config;
    this.log = log;
  }

  /**
   * Says what was detected and which pattern is in force, the first time per geometry.
   *
   * @param pattern of step 0
   * @param kernel what runs it
   */
  void announce(SequenceGeometry geometry, Pattern pattern, KernelRunner kernel) {
    if (!log.isNew("announced " + geometry)) {
      return;
    }
    int frames = geometry.latentFrames();
    int reference = config.number(Setting.LVSA_REFERENCE_LATENT_FRAMES);
    say(
        "[LVSA] Geometry detected: T_lat=%d P=%d text=%d video_seq=%d total=%d",
        frames,
        geometry.patchesPerFrame(),
        geometry.textTokens(),
        frames * geometry.patchesPerFrame(),
        geometry.tokens());
    say(
        "[LVSA] reference_latent_frames=%d target_latent_frames=%d extension_ratio=%.2fx",
        reference, frames, frames / (double) reference);
    say(
        "[LVSA] window=%d kfi=%d |G|=%d attended_per_frame=%d of %d -> %s %s",
        pattern.settings().window(),
        pattern.keyFrameInterval(),
        pattern.globalFrames().size(),
        pattern.attendedBy(frames / 2),
        frames,
        pattern.density() < 1 ? "SPARSE" : "DENSE",
        kernel);
    warnOfAnotherHorizon(frames, reference);
  }

  private void warnOfAnotherHorizon(int frames, int reference) {
    List<String> models =
        Models.all().stream()
            .filter(model -> model.referenceFrames() == frames && frames != reference)
            .map(ModelGeometry::title)
            .toList();
    if (!models.isEmpty()) {
      log.once(
          Level.WARN,
          String.format(
              Locale.ROOT,
              "[LVSA] Warning: T_lat=%d is the training horizon of %s, and"
                  + " LVSA_REFERENCE_LATENT_FRAMES is %d: is it the right model's?",
              frames,
              String.join(", ", models),
              reference));
    }
  }

  private void say(String format, Object... values) {
    log.once(Level.INFO, String.format(Locale.ROOT, format, values));
  }

  /** The lines of a step, at its first self-attention. */
  synchronized void step(int step, SequenceGeometry geometry, Pattern pattern) {
    boolean begins = step != timedStep;
    if (begins && config.on(Setting.LVSA_MEM_LOG)) {
      log.always("[LVSA-MEM] step=" + step + " " + ProcessMemory.now());
    }
    long now = System.nanoTime();
    if (begins || stepStarted == 0) {
      if (begins && stepStarted != 0 && config.on(Setting.LVSA_STEP_TIME_LOG)) {
        log.always(
            String.format(
                Locale.ROOT, "[LVSA-TIME] step=%d dt=%.3fs", timedStep, (now - stepStarted) / 1e9));
      }
      stepStarted = now;
    }
    timedStep = step;
    if (step != maskLogged && config.maskLog().selects(step, maskLogged >= 0)) {
      maskLogged = step;
      log.always(
          String.format(
              Locale.ROOT,
              "[LVSA-MASK] step=%d  T_lat=%d  W=%d  |G|=%d  kfi=%d globals=%s",
              step,
              geometry.latentFrames(),
              pattern.settings().window(),
              pattern.globalFrames().size(),
              pattern.keyFrameInterval(),
              pattern.globalFrames()));
      pattern.mask().forEach(log::always);
    }
  }
}
