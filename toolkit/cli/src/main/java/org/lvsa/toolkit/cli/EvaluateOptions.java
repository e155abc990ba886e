// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import org.lvsa.toolkit.evaluate.Dimension;
import org.lvsa.toolkit.evaluate.Judgement;
import org.lvsa.toolkit.evaluate.Rules;
import org.lvsa.toolkit.evaluate.Weights;
import org.lvsa.toolkit.evaluate.frame.Sampling;
import org.lvsa.toolkit.evaluate.network.Networks;
import org.lvsa.toolkit.evaluate.network.OnnxDevice;
import org.lvsa.toolkit.io.Json;
import picocli.CommandLine.Option;

/** The options of {@code evaluate} that decide what is measured. */
final class EvaluateOptions {
  @Option(
      names = "--dimensions",
      paramLabel = "LIST",
      description =
          "spatial, temporal, loop, artifacts, dynamic, text, with commas between them (default:"
              + " all; text where there is a prompt)")
  private String dimensions;

  @Option(
      names = "--weights",
      paramLabel = "LIST",
      description =
          "how much dimensions count, such as spatial=0.3,loop=0.1; others keep their weight"
              + " (spatial .20, temporal .25, loop .15, artifacts .20, dynamic .10, text .10)")
  private String weights;

  @Option(
      names = "--sample-fps",
      paramLabel = "N",
      description =
          "judge N frames per second of videos of more than 5 s; 0: all frames (default: 2)")
  private Double sampleFps;

  @Option(
      names = "--upstream-compatible",
      description =
          "the numbers of VQeval, the LVSA authors' tool, its faults and silent defaults included;"
              + " docs/evaluate.md has the differences")
  private boolean upstream;

  @Option(
      names = "--clip-image",
      paramLabel = "FILE.onnx",
      description = "CLIP ViT-B/16's picture encoder")
  private Path clipImage;

  @Option(
      names = "--clip-text",
      paramLabel = "FILE.onnx",
      description = "CLIP ViT-B/16's text encoder, for --prompt")
  private Path clipText;

  @Option(
      names = "--clip-tokenizer",
      paramLabel = "PATH",
      description = "its tokenizer.json, or the folder with it")
  private Path clipTokenizer;

  @Option(names = "--dino", paramLabel = "FILE.onnx", description = "DINOv2 ViT-B/14")
  private Path dino;

  @Option(
      names = "--embeddings",
      paramLabel = "FILE.json",
      description =
          "what networks said of the frames elsewhere: clip_image, clip_text, dino, brisque, niqe,"
              + " clip_iqa, clip_iqa_plus, anatomical_errors; goes before the networks")
  private Path embeddings;

  @Option(
      names = "--device",
      defaultValue = "cpu",
      description = "where networks run: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private OnnxDevice device;

  Rules rules() {
    return upstream ? Rules.UPSTREAM : Rules.MENDED;
  }

  Judgement judgement() {
    return new Judgement(
        rules(),
        Optional.ofNullable(dimensions).map(names -> Dimension.list(names, rules())),
        weights == null ? Weights.usual() : Weights.parse(weights, rules()));
  }

  Sampling sampling() {
    return Sampling.of(
        sampleFps == null ? OptionalDouble.empty() : OptionalDouble.of(sampleFps), !upstream);
  }

  Networks.Files networks() {
    return new Networks.Files(
        Optional.ofNullable(clipImage),
        Optional.ofNullable(clipText),
        Optional.ofNullable(clipTokenizer),
        Optional.ofNullable(dino),
        Optional.ofNullable(embeddings),
        device);
  }

  /** All that decides the results, for a run that goes on where an earlier one ended. */
  ObjectNode identity() throws IOException {
    ObjectNode identity = Json.object();
    identity.put("rules", GenerateCommand.lower(rules()));
    identity.put("dimensions", dimensions);
    identity.put("weights", weights);
    identity.put("sample_fps", sampleFps);
    file(identity, "clip_image", clipImage);
    file(identity, "clip_text", clipText);
    file(identity, "clip_tokenizer", clipTokenizer);
    file(identity, "dino", dino);
    file(identity, "embeddings", embeddings);
    return identity;
  }

  private static void file(ObjectNode identity, String name, Path file) throws IOException {
    if (file != null && Files.exists(file)) {
      ObjectNode one = identity.putObject(name);
      one.put("path", file.toAbsolutePath().normalize().toString());
      one.put("bytes", Files.size(file));
      one.put("modified", Files.getLastModifiedTime(file).toString());
    }
  }
}
