// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/** TeaCache's decisions for one branch. The first step is computed; the last one need not be. */
final class TeaCacheDecision {
  private static final List<Double> FLUX =
      List.of(498.651651, -283.781631, 55.8554382, -3.82021401, 0.264230861);
  private static final List<Double> QWEN = List.of(-450., 280., -45., 3.2, -0.02);

  /** Published coefficients by the transformer's class. */
  private static final Map<String, List<Double>> PUBLISHED =
      Map.of(
          "FluxTransformer2DModel",
          FLUX,
          "Flux2Klein",
          FLUX,
          "QwenImageTransformer2DModel",
          QWEN,
          "ZImageTransformer2DModel",
          QWEN,
          "Bagel",
          List.of(1.33313129e6, -1.68644226e5, 7950.50740, -163.747873, 1.26352397),
          "StableAudioDiTModel",
          List.of(121.774905, -153.744943, 68.0536857, -12.2812864, 1.07339050),
          "HunyuanImage3Pipeline",
          List.of(104.117826, -126.848482, 56.8168652, -10.4182570, 0.678098549));

  private final double threshold;
  private final List<Double> coefficients;
  private double accumulated;
  private int step;

  TeaCacheDecision(double threshold, List<Double> coefficients) {
    this.threshold = threshold;
    this.coefficients = coefficients;
  }

  /**
   * The coefficients that the settings give.
   *
   * @param pipeline the class of the pipeline, which the message names
   * @throws MalformedFileException if none are given: none are published for video models
   */
  static List<Double> coefficients(CacheSettings.TeaCache settings, String pipeline) {
    return settings
        .coefficients()
        .orElseThrow(
            () ->
                new MalformedFileException(
                    "tea_cache has no published coefficients for "
                        + pipeline
                        + ": measure them with lvsa calibrate teacache, and give them as"
                        + " \"coefficients\": [c0, c1, c2, c3, c4], or name those of "
                        + String.join(", ", new TreeSet<>(PUBLISHED.keySet()))));
  }

  /**
   * The published coefficients of a transformer's class.
   *
   * @throws MalformedFileException if there are none
   */
  static List<Double> published(String transformerClass) {
    List<Double> its = PUBLISHED.get(transformerClass);
    if (its == null) {
      throw new MalformedFileException(
          Messages.unknown("class with coefficients", transformerClass, PUBLISHED.keySet()));
    }
    return its;
  }

  /**
   * The next step.
   *
   * @param difference relative, of the modulated input to that of the step before
   * @return whether all blocks are skipped
   */
  boolean cached(double difference) {
    if (step++ == 0) {
      accumulated = 0;
      return false;
    }
    accumulated += Math.abs(polynomial(coefficients, difference));
    if (accumulated < threshold) {
      return true;
    }
    accumulated = 0;
    return false;
  }

  double[] save() {
    return new double[] {step, accumulated};
  }

  void restore(double[] numbers) {
    step = (int) numbers[0];
    accumulated = numbers[1];
  }

  /** {@code c0·d⁴ + c1·d³ + c2·d² + c3·d + c4}. */
  static double polynomial(List<Double> coefficients, double difference) {
    double value = 0;
    for (double coefficient : coefficients) {
      value = value * difference + coefficient;
    }
    return value;
  }
}
