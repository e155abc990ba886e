// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.evaluate.frame.RgbFrame;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;

/**
 * Networks from ONNX files. The files are tiny: means and deviations of 16 cells of the picture,
 * and a matrix product of the tokens' numbers.
 */
class NetworksTest {
  private static final Path FILES = Path.of("src/test/resources/networks");

  @TempDir private Path folder;

  private static RgbFrame frame(int seed) {
    Resolution size = new Resolution(37, 21);
    byte[] rgb = new byte[37 * 21 * 3];
    new java.util.Random(seed).nextBytes(rgb);
    return new RgbFrame(size, rgb);
  }

  private static SampledVideo video() {
    List<RgbFrame> frames = List.of(frame(1), frame(2), frame(3));
    return new SampledVideo(
        Path.of("cat.mp4"),
        frames.getFirst().size(),
        8,
        9,
        9 / 8.0,
        "h264",
        List.of(0, 4, 8),
        frames,
        Optional.empty());
  }

  private static Networks.Files files(String clip, String dino) {
    return new Networks.Files(
        Optional.ofNullable(clip).map(FILES::resolve),
        Optional.of(FILES.resolve("clip-text.onnx")),
        Optional.of(FILES.resolve("tokenizer.json")),
        Optional.ofNullable(dino).map(FILES::resolve),
        Optional.empty(),
        OnnxDevice.CPU);
  }

  @Test
  void encodersSeeTheNormalisedPicture() {
    SampledVideo video = video();
    try (Networks networks = Networks.open(files("clip-image.onnx", "dino.onnx"))) {
      Features features = networks.of(video, Optional.of("a disc"));
      for (int i = 0; i < 3; i++) {
        float[] clip = NetworkInput.CLIP.of(video.frame(i), 224, 224);
        assertArrayEquals(Vectors.unit(means(clip)), features.vectors(Network.CLIP_IMAGE)[i], 1e-4);
        float[] dino = NetworkInput.DINO.of(video.frame(i), 224, 224);
        assertArrayEquals(Vectors.unit(deviations(dino)), features.vectors(Network.DINO)[i], 1e-4);
      }
      // "a disc" is the tokens 3 and 4, of 77; the mask leaves the padding out.
      double[] text = new double[48];
      for (int i = 0; i < text.length; i++) {
        text[i] = 3 * Math.cos(0.1 * (i + 1)) + 4 * Math.cos(0.2 * (i + 1));
      }
      assertArrayEquals(Vectors.unit(text), features.vectors(Network.CLIP_TEXT)[0], 1e-5);
      assertFalse(networks.of(video, Optional.of(" ")).has(Network.CLIP_TEXT));
    }
  }

  @Test
  void resultsFromAFileGoBeforeNetworks() throws Exception {
    Path results = folder.resolve("results.json");
    Files.writeString(
        results,
        """
        {"cat.mp4": {"frame_indices": [0, 2, 4, 6, 8], "brisque": [1, 2, 3, 4, 5],
                     "dino": [[3, 4], [0, 1], [1, 0], [0, 1], [-2, 0]], "anatomical_errors": 2}}
        """);
    Features features = FeatureFile.read(results).of(video());
    assertArrayEquals(new double[] {1, 3, 5}, features.scores(Network.BRISQUE));
    assertArrayEquals(new double[] {0.6, 0.8}, features.vectors(Network.DINO)[0], 1e-6);
    assertArrayEquals(new double[] {-1, 0}, features.vectors(Network.DINO)[2]);
    assertEquals(2, features.scores(Network.POSE)[0]);
    assertFalse(features.has(Network.CLIP_IMAGE));
  }

  @Test
  void wrongFilesAreRefusedInOneLine() throws Exception {
    Path results = folder.resolve("results.json");
    Files.writeString(results, "{\"niqe\": [1, 2]}");
    String message =
        assertThrows(MalformedFileException.class, () -> FeatureFile.read(results).of(video()))
            .getMessage();
    assertTrue(message.contains("niqe: 2 entries, but 3 frames of cat.mp4 are judged"), message);
    Files.writeString(results, "{\"nique\": [1, 2], \"niqe\": []}");
    message =
        assertThrows(MalformedFileException.class, () -> FeatureFile.read(results).of(video()))
            .getMessage();
    assertTrue(message.contains("unknown field nique, the nearest is niqe"), message);
    Path broken = folder.resolve("broken.onnx");
    Files.writeString(broken, "no network");
    message =
        assertThrows(
                MalformedFileException.class,
                () -> FrameEncoder.open(broken, NetworkInput.CLIP, OnnxDevice.CPU))
            .getMessage();
    assertTrue(message.contains("broken.onnx: not a network"), message);
    message =
        assertThrows(
                MalformedFileException.class,
                () ->
                    FrameEncoder.open(
                        FILES.resolve("clip-text.onnx"), NetworkInput.CLIP, OnnxDevice.CPU))
            .getMessage();
    assertTrue(message.contains("one input was expected"), message);
  }

  @Test
  void vectorsOfPicturesAndPromptAreOfOneLength() throws Exception {
    Path results = folder.resolve("results.json");
    Files.writeString(results, "{\"clip_image\": [[1], [2], [3]], \"clip_text\": [1, 2]}");
    Networks.Files files =
        new Networks.Files(
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.of(results),
            OnnxDevice.CPU);
    try (Networks networks = Networks.open(files)) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> networks.of(video(), Optional.of("a")))
              .getMessage();
      assertTrue(message.contains("its pictures have 1 numbers, the prompt 2"), message);
    }
  }

  @Test
  void cudaIsNotThereWithTheProcessorsJar() {
    assertThrows(
        UnavailableException.class,
        () ->
            FrameEncoder.open(
                FILES.resolve("clip-image.onnx"), NetworkInput.CLIP, OnnxDevice.CUDA));
  }

  private static double[] means(float[] input) {
    double[] means = new double[48];
    for (int i = 0; i < input.length; i++) {
      means[cell(i)] += input[i] / (56.0 * 56);
    }
    return means;
  }

  private static double[] deviations(float[] input) {
    double[] means = means(input);
    double[] squares = new double[48];
    for (int i = 0; i < input.length; i++) {
      squares[cell(i)] += Math.pow(input[i] - means[cell(i)], 2) / (56.0 * 56);
    }
    for (int i = 0; i < squares.length; i++) {
      squares[i] = 0.01 + Math.sqrt(squares[i]);
    }
    return squares;
  }

  private static int cell(int i) {
    return i / (224 * 224) * 16 + i / 224 % 224 / 56 * 4 + i % 224 / 56;
  }
}
