// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.lvsa.toolkit.evaluate.frame.GrayImage;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.evaluate.network.Features;
import org.lvsa.toolkit.evaluate.network.Network;
import org.lvsa.toolkit.io.Json;

/** What generated videos get wrong: banding, anatomy, repeated texture, halos, unnatural noise. */
public final class ArtifactDetection {
  private static final int BANDING_FRAMES = 10;
  private static final int FRAMES = 8;
  private static final double ANATOMY_WEIGHT = 0.25;

  private ArtifactDetection() {}

  /** Judges a video. */
  static Outcome judge(SampledVideo video, Features features, Rules rules) {
    Outcome.Curve banding =
        curve(
            video, BANDING_FRAMES, i -> Banding.of(GrayImage.of(video.frame(i)), rules).severity());
    Outcome.Curve tiling =
        curve(video, FRAMES, i -> Tiling.peak(GrayImage.of(video.frame(i)), rules));
    Outcome.Curve halo = curve(video, FRAMES, i -> EdgeHalo.of(video.frame(i)).severity());
    Outcome.Curve noise =
        curve(video, FRAMES, i -> NoiseAnomaly.of(GrayImage.of(video.frame(i)), rules).score());
    double bandingMean = Numbers.mean(banding.values());
    double banded = DoubleStream.of(banding.values()).filter(v -> v > Banding.BANDED).count();
    double tilingMean = Numbers.mean(tiling.values());
    double haloMean = Numbers.mean(halo.values());
    double noiseMean = Numbers.mean(noise.values());
    boolean pose = features.has(Network.POSE);
    double errors = pose ? features.scores(Network.POSE)[0] : 0;
    ObjectNode metrics = Json.object();
    metrics.put("banding_severity", bandingMean);
    metrics.put("banding_frame_pct", banded / banding.values().length * 100);
    if (pose || rules == Rules.UPSTREAM) {
      metrics.put("anatomical_errors", (int) errors);
    }
    if (rules == Rules.UPSTREAM) {
      metrics.putArray("anatomical_error_frames");
    }
    metrics.put("texture_tiling_score", tilingMean);
    metrics.put("edge_halo_severity", haloMean);
    metrics.put("noise_anomaly_score", noiseMean);
    double score =
        0.25 * Numbers.atLeastZero(100 - 200 * bandingMean)
            + ANATOMY_WEIGHT * Numbers.atLeastZero(100 - 15 * errors)
            + 0.15 * Numbers.atLeastZero(100 - 200 * tilingMean)
            + 0.15 * Numbers.atLeastZero(100 - 200 * haloMean)
            + 0.20 * Numbers.atLeastZero(100 - 100 * noiseMean);
    if (!pose && rules == Rules.MENDED) {
      // No free points for a pose model that is not there: the rest is the whole.
      score = (score - ANATOMY_WEIGHT * 100) / (1 - ANATOMY_WEIGHT);
      metrics.put("not_judged", "anatomy: " + Needs.of(features.missing(Network.POSE)));
    }
    Map<String, Outcome.Curve> curves = new LinkedHashMap<>();
    curves.put("banding", banding);
    curves.put("tiling", tiling);
    curves.put("halo", halo);
    curves.put("noise_anomaly", noise);
    return new Outcome.Scored(Dimension.ARTIFACT_DETECTION, score, metrics, curves);
  }

  private static Outcome.Curve curve(SampledVideo video, int about, IntToDoubleFunction measure) {
    int[] places = Pairs.frames(video.count(), about);
    return new Outcome.Curve(
        places, IntStream.of(places).parallel().mapToDouble(measure).toArray());
  }
}
