// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.lvsa.toolkit.evaluate.frame.GrayImage;
import org.lvsa.toolkit.evaluate.frame.RgbFrame;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.evaluate.network.Network;
import org.lvsa.toolkit.io.Json;

/** Each frame as a picture: BRISQUE, NIQE and CLIP-IQA, and how sharp it is. */
public final class SpatialQuality {
  /** Under upstream's rules, a frame whose Laplacian varies less than this is blurred. */
  private static final double BLURRED = 100;

  /** Under ours, it is blurred where it is so much less sharp than the video's median frame. */
  private static final double BLURRED_SHARE = 0.5;

  /** Variance of the Laplacian that counts as entirely sharp. */
  private static final double SHARP = 1000;

  private static final int MOST_FLAGGED = 20;

  private SpatialQuality() {}

  /** The variance of a frame's Laplacian: large for a frame with sharp detail. */
  public static double sharpness(RgbFrame frame) {
    short[] laplacian = GrayImage.of(frame).laplacian();
    double sum = 0;
    for (short value : laplacian) {
      sum += value;
    }
    double mean = sum / laplacian.length;
    double squares = 0;
    for (short value : laplacian) {
      squares += (value - mean) * (value - mean);
    }
    return squares / laplacian.length;
  }

  /** Judges a video. */
  static Outcome judge(SampledVideo video, Features features, Rules rules) {
    double[] sharpness =
        IntStream.range(0, video.count())
            .parallel()
            .mapToDouble(i -> sharpness(video.frame(i)))
            .toArray();
    Map<String, Outcome.Curve> curves = new LinkedHashMap<>();
    int[] all = IntStream.range(0, video.count()).toArray();
    curves.put("sharpness", new Outcome.Curve(all, sharpness));
    for (Network network : List.of(Network.BRISQUE, Network.NIQE, Network.CLIP_IQA)) {
      if (features.has(network)) {
        curves.put(network.field(), new Outcome.Curve(all, features.scores(network)));
      }
    }
    return rules == Rules.UPSTREAM
        ? upstream(video, features, sharpness, curves)
        : mended(video, features, sharpness, curves);
  }

  private static Outcome upstream(
      SampledVideo video,
      Features features,
      double[] sharpness,
      Map<String, Outcome.Curve> curves) {
    double brisque = 30;
    double brisqueHigh = 50;
    int worst = 0;
    if (features.has(Network.BRISQUE)) {
      double[] scores = features.scores(Network.BRISQUE);
      brisque = Numbers.mean(scores);
      brisqueHigh = Numbers.percentile(scores, 95);
      worst = worst(scores);
    }
    double niqe = features.has(Network.NIQE) ? Numbers.mean(features.scores(Network.NIQE)) : 5;
    double clipIqa =
        features.has(Network.CLIP_IQA) ? Numbers.mean(features.scores(Network.CLIP_IQA)) : 0.5;
    int[] blurred =
        IntStream.range(0, sharpness.length).filter(i -> sharpness[i] < BLURRED).toArray();
    double blurredPercent = (double) blurred.length / sharpness.length * 100;
    double score = score(brisque, niqe, clipIqa, Numbers.atLeastZero(100 - 2 * blurredPercent));
    ObjectNode metrics = Json.object();
    metrics.put("brisque_mean", brisque);
    metrics.put("brisque_p5", brisqueHigh);
    metrics.put("niqe_mean", niqe);
    metrics.put("clip_iqa_mean", clipIqa);
    metrics.put("blur_frame_pct", Numbers.round(blurredPercent, 1));
    metrics.put("sharpness_std", Numbers.deviation(sharpness));
    metrics.put("worst_frame_idx", video.index(worst));
    flag(metrics, video, blurred);
    return new Outcome.Scored(Dimension.SPATIAL_QUALITY, score, metrics, curves);
  }

  private static Outcome mended(
      SampledVideo video,
      Features features,
      double[] sharpness,
      Map<String, Outcome.Curve> curves) {
    double median = Numbers.median(sharpness);
    int[] blurred =
        IntStream.range(0, sharpness.length)
            .filter(i -> sharpness[i] < BLURRED_SHARE * median)
            .toArray();
    double sharp =
        Numbers.mean(
            IntStream.range(0, sharpness.length)
                .mapToDouble(i -> 100 * Numbers.unit(Math.log1p(sharpness[i]) / Math.log1p(SHARP)))
                .toArray());
    List<Network> missing = features.missing(Network.BRISQUE, Network.NIQE, Network.CLIP_IQA);
    ObjectNode metrics = Json.object();
    if (features.has(Network.BRISQUE)) {
      metrics.put("brisque_mean", Numbers.mean(features.scores(Network.BRISQUE)));
      metrics.put("brisque_p95", Numbers.percentile(features.scores(Network.BRISQUE), 95));
    }
    if (features.has(Network.NIQE)) {
      metrics.put("niqe_mean", Numbers.mean(features.scores(Network.NIQE)));
    }
    if (features.has(Network.CLIP_IQA)) {
      metrics.put("clip_iqa_mean", Numbers.mean(features.scores(Network.CLIP_IQA)));
    }
    metrics.put("sharpness_score", sharp);
    metrics.put("sharpness_mean", Numbers.mean(sharpness));
    metrics.put("sharpness_std", Numbers.deviation(sharpness));
    metrics.put(
        "blur_frame_pct", Numbers.round((double) blurred.length / sharpness.length * 100, 1));
    if (features.has(Network.BRISQUE)) {
      metrics.put("worst_frame_idx", video.index(worst(features.scores(Network.BRISQUE))));
    } else {
      metrics.put("least_sharp_frame_idx", video.index(smallest(sharpness)));
    }
    flag(metrics, video, blurred);
    if (!missing.isEmpty()) {
      return new Outcome.Absent(Dimension.SPATIAL_QUALITY, Needs.of(missing), metrics, curves);
    }
    double score =
        score(
            metrics.get("brisque_mean").doubleValue(),
            metrics.get("niqe_mean").doubleValue(),
            metrics.get("clip_iqa_mean").doubleValue(),
            sharp);
    return new Outcome.Scored(Dimension.SPATIAL_QUALITY, score, metrics, curves);
  }

  private static double score(double brisque, double niqe, double clipIqa, double sharp) {
    return 0.25 * Ranges.less("brisque", brisque)
        + 0.25 * Ranges.less("niqe", niqe)
        + 0.35 * Ranges.more("clip_iqa", clipIqa)
        + 0.15 * sharp;
  }

  private static int worst(double[] brisque) {
    double[] lost = new double[brisque.length];
    for (int i = 0; i < lost.length; i++) {
      lost[i] = 100 - Ranges.less("brisque", brisque[i]);
    }
    return Numbers.firstLargest(lost, 0);
  }

  private static int smallest(double[] values) {
    int smallest = 0;
    for (int i = 1; i < values.length; i++) {
      smallest = values[i] < values[smallest] ? i : smallest;
    }
    return smallest;
  }

  private static void flag(ObjectNode metrics, SampledVideo video, int[] blurred) {
    ArrayNode flagged = metrics.putArray("flagged_frames");
    IntStream.of(blurred).limit(MOST_FLAGGED).forEach(i -> flagged.add(video.index(i)));
  }
}
