// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.video.VideoWriter;

class EvaluateCommandTest {
  private static final Path GOLDEN = Path.of("../evaluate/src/test/resources/golden/vqeval");

  @TempDir private Path folder;

  private static JsonNode json(Run run) {
    assertEquals(0, run.code(), run.err());
    return Json.parseWithNonNumbers(run.out(), "out");
  }

  private static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** What the published tool printed: golden/vqeval/cli/evaluate__out.json, less the time. */
  @Test
  void upstreamsReportIsTheSame() {
    Run run =
        Run.lvsa(
            "evaluate", GOLDEN.resolve("static.mp4"), "--upstream-compatible", "--format", "json");
    JsonNode json = json(run);
    assertEquals(
        List.of(
            "video_path",
            "video_meta",
            "composite_score",
            "composite_verdict",
            "weights",
            "dimensions",
            "elapsed_seconds"),
        names(json));
    assertEquals(75.2, json.get("composite_score").doubleValue());
    assertEquals("good", json.get("composite_verdict").textValue());
    assertEquals(0.2778, json.get("weights").get("temporal_coherence").doubleValue());
    assertEquals(List.of("spatial_quality", "artifact_detection"), names(json.get("dimensions")));
    JsonNode artifacts = json.get("dimensions").get("artifact_detection");
    assertEquals(86.6, artifacts.get("score").doubleValue());
    assertEquals(0.0553, artifacts.get("banding_severity").doubleValue());
    assertEquals(0.18, artifacts.get("texture_tiling_score").doubleValue());
    assertEquals(0.2622, artifacts.get("noise_anomaly_score").doubleValue(), 1e-4);
    assertTrue(
        run.err().contains("loop_quality is absent: needs CLIP's picture encoder"), run.err());
  }

  @Test
  void upstreamsOptionsHaveUpstreamsMeaning() {
    Path video = GOLDEN.resolve("static.mp4");
    JsonNode weighted =
        json(
            Run.lvsa(
                "evaluate",
                video,
                "--upstream-compatible",
                "--format=json",
                "--dimensions",
                "artifacts,spatial",
                "--weights",
                "spatial=0.9,artifacts=0.1"));
    assertEquals(66.0, weighted.get("composite_score").doubleValue());
    assertEquals(
        List.of("artifact_detection", "spatial_quality"), names(weighted.get("dimensions")));
    JsonNode none =
        json(
            Run.lvsa(
                "evaluate",
                video,
                "--upstream-compatible",
                "--format=json",
                "--dimensions",
                "nonsense"));
    assertEquals(0.0, none.get("composite_score").doubleValue());
    assertEquals("bad", none.get("composite_verdict").textValue());
    Run black =
        Run.lvsa("evaluate", GOLDEN.resolve("black.mkv"), "--upstream-compatible", "--format=json");
    assertTrue(black.out().contains("\"texture_tiling_score\" : NaN"), black.out());
    assertEquals(54.4, json(black).get("composite_score").doubleValue());
  }

  @Test
  void withoutNetworksNothingIsInvented() {
    JsonNode json =
        json(
            Run.lvsa(
                "evaluate", GOLDEN.resolve("black.mkv"), "--format", "json", "--prompt", "night"));
    assertEquals(List.of("artifact_detection"), names(json.get("dimensions")));
    assertEquals(
        List.of(
            "spatial_quality",
            "temporal_coherence",
            "loop_quality",
            "dynamic_quality",
            "text_alignment"),
        names(json.get("absent")));
    assertFalse(json.toString().contains("brisque"), json.toString());
    assertFalse(json.toString().contains("anatomical_errors"), json.toString());
    JsonNode artifacts = json.get("dimensions").get("artifact_detection");
    assertEquals(0, artifacts.get("texture_tiling_score").doubleValue());
    assertEquals(0, artifacts.get("banding_severity").doubleValue());
    assertEquals(1, json.get("all_frames").get("temporal_flickering").doubleValue());
    assertEquals(1, json.get("all_frames").get("motion_smoothness").doubleValue());
  }

  @Test
  void aListIsJudgedOnceAndGoneOnWith() throws Exception {
    Files.createDirectory(folder.resolve("vids"));
    Files.copy(GOLDEN.resolve("two.mp4"), folder.resolve("vids/two.mp4"));
    Files.copy(GOLDEN.resolve("single.mkv"), folder.resolve("vids/single.mkv"));
    Files.writeString(folder.resolve("vids/broken.mp4"), "no video");
    Path list = folder.resolve("in.csv");
    Files.writeString(
        list,
        """
        model,video_path,status,cap
        wan,vids/two.mp4,ok,a disc
        wan,vids/single.mkv,failed,
        hv,missing.mp4,ok,
        hv,vids/single.mkv,ok,
        """);
    Path out = folder.resolve("out");
    Object[] arguments = {
      "evaluate", list, "--upstream-compatible", "--format", "csv", "-o", out, "--prompt-col", "cap"
    };
    Run run = Run.lvsa(arguments);
    assertEquals(0, run.code(), run.err());
    List<String> lines = run.out().lines().toList();
    assertTrue(run.out().endsWith("\r\n"), "line ends");
    assertEquals(
        "model,status,cap,video_path,composite_score,composite_verdict,duration,resolution,"
            + "spatial_quality_score,spatial_quality_verdict,temporal_coherence_score,"
            + "temporal_coherence_verdict,loop_quality_score,loop_quality_verdict,"
            + "artifact_detection_score,artifact_detection_verdict,dynamic_quality_score,"
            + "dynamic_quality_verdict",
        lines.getFirst());
    assertTrue(lines.get(1).startsWith("wan,ok,a disc,"), lines.get(1));
    assertTrue(
        lines.get(1).endsWith("69.0,fair,0.2,128x96,63.8,fair,50.0,fair,80.0,good,89.8,good,,"),
        lines.get(1));
    assertEquals(3, lines.size());
    assertTrue(run.err().contains("skipped: missing.mp4: no such file"), run.err());
    assertTrue(Files.readString(out.resolve("two.html")).contains("Everything"), "a page");
    assertTrue(Files.exists(out.resolve("report.html")), "a page of all");
    Run refused = Run.lvsa(arguments);
    assertEquals(2, refused.code());
    assertTrue(refused.err().contains("go on with --resume"), refused.err());
    List<Object> more = new ArrayList<>(List.of(arguments));
    more.add("--resume");
    Run again = Run.lvsa(more.toArray());
    assertEquals(run.out(), again.out());
    assertTrue(again.err().contains("two.mp4: kept from before"), again.err());
    Run folderRun = Run.lvsa("evaluate", folder.resolve("vids"), "--format", "csv");
    assertEquals(2, folderRun.code(), "one of three failed");
    assertEquals(3, folderRun.out().lines().count(), folderRun.out());
    assertTrue(folderRun.err().contains("1 of 3 videos failed"), folderRun.err());
  }

  @Test
  void aReferenceShowsHowFarVideosDriftApart() throws Exception {
    Resolution size = new Resolution(192, 176);
    Path dense = folder.resolve("dense.mp4");
    Path sparse = folder.resolve("lvsa.mp4");
    write(dense, size, 0);
    write(sparse, size, 6);
    Path page = folder.resolve("page.html");
    JsonNode json =
        json(Run.lvsa("evaluate", sparse, "--reference", dense, "--format=json", "--html", page));
    JsonNode reference = json.get("reference");
    assertEquals(12, reference.get("frames").intValue());
    for (String name : List.of("psnr", "ssim", "ms_ssim")) {
      JsonNode one = reference.get(name);
      assertTrue(
          one.get("first_quarter").doubleValue() > one.get("last_quarter").doubleValue() + 0.001,
          name + one);
      assertTrue(one.get("drift_slope").doubleValue() < 0, name + one);
      assertEquals(12, one.get("per_frame").size());
    }
    String html = Files.readString(page);
    assertTrue(html.contains("The worst frames") && html.contains("MS-SSIM"), "the page");
    assertFalse(html.contains("http://") && html.contains("src=\"http"), "no network");
    Run other = Run.lvsa("evaluate", sparse, "--reference", GOLDEN.resolve("two.mp4"));
    assertEquals(2, other.code());
    assertTrue(other.err().contains("its frames are 128x96"), other.err());
  }

  /** A smooth picture that moves; its brightness runs away by so many levels per frame. */
  private static void write(Path file, Resolution size, int away) throws Exception {
    VideoWriter.mp4(
        file,
        size,
        12,
        frames -> {
          for (int t = 0; t < 12; t++) {
            byte[] rgb = new byte[3 * size.width() * size.height()];
            for (int i = 0; i < rgb.length; i++) {
              int x = i / 3 % size.width();
              int y = i / 3 / size.width();
              double wave = Math.sin((x + 2 * t) / 9.0) * Math.cos(y / 7.0);
              rgb[i] = (byte) (110 + 60 * wave + away * t * ((x / 24 + y / 24) % 2));
            }
            frames.write(rgb);
          }
        });
  }

  @Test
  void badInputIsOneLine() throws Exception {
    refused("no such file", "missing.mp4");
    refused("too short: 0.040 s", GOLDEN.resolve("too_short.mkv"));
    Path text = folder.resolve("x.mp4");
    Files.writeString(text, "no video");
    refused("not a video", text);
    Path good = GOLDEN.resolve("two.mp4");
    refused("unknown dimension nonsense", good, "--dimensions", "nonsense");
    refused("a weight must be a number", good, "--weights", "spatial=abc");
    refused("--sample-fps must be 0 (all frames) or more", good, "--sample-fps", "-1");
    refused("--clip-text and --clip-tokenizer go together", good, "--clip-text", "x.onnx");
    refused("x.onnx: no such file", good, "--dino", "x.onnx");
    refused("--resume goes on in the folder of -o", good, "--resume");
    refused("no videos in", folder.resolve("empty"));
    refused("x.txt: the published tool takes", textFile(), "--upstream-compatible");
  }

  private Path textFile() throws Exception {
    return Files.writeString(folder.resolve("x.txt"), "text");
  }

  private void refused(String reason, Object... arguments) throws Exception {
    Files.createDirectories(folder.resolve("empty"));
    List<Object> all = new ArrayList<>(List.of("evaluate"));
    all.addAll(List.of(arguments));
    Run run = Run.lvsa(all.toArray());
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(reason), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertEquals("", run.out());
  }
}
