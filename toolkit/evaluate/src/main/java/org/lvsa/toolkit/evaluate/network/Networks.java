// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;

/** The networks that a user gives, open. */
public final class Networks implements AutoCloseable {
  private final Optional<FrameEncoder> clip;
  private final Optional<TextEncoder> text;
  private final Optional<FrameEncoder> dino;
  private final Optional<FeatureFile> file;

  private Networks(
      Optional<FrameEncoder> clip,
      Optional<TextEncoder> text,
      Optional<FrameEncoder> dino,
      Optional<FeatureFile> file) {
    this.clip = clip;
    this.text = text;
    this.dino = dino;
    this.file = file;
  }

  /**
   * Which files a user gives.
   *
   * @param clipImage CLIP's picture encoder, ONNX
   * @param clipText CLIP's text encoder, ONNX
   * @param clipTokenizer the text encoder's {@code tokenizer.json}, or the folder with it
   * @param dino DINOv2, ONNX
   * @param results what networks said elsewhere, see {@link FeatureFile}
   * @param device where ONNX Runtime computes
   */
  public record Files(
      Optional<Path> clipImage,
      Optional<Path> clipText,
      Optional<Path> clipTokenizer,
      Optional<Path> dino,
      Optional<Path> results,
      OnnxDevice device) {

    /** None. */
    public static final Files NONE =
        new Files(
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            OnnxDevice.CPU);

    /** A text encoder needs its tokenizer. */
    public Files {
      if (clipText.isPresent() != clipTokenizer.isPresent()) {
        throw new IllegalArgumentException("--clip-text and --clip-tokenizer go together");
      }
    }
  }

  /**
   * Opens the files.
   *
   * @throws org.lvsa.toolkit.io.MalformedFileException if one is missing or has another form
   * @throws org.lvsa.toolkit.backend.UnavailableException if the device is not there
   */
  public static Networks open(Files files) {
    Optional<FeatureFile> file = files.results().map(FeatureFile::read);
    Optional<FrameEncoder> clip = Optional.empty();
    Optional<FrameEncoder> dino = Optional.empty();
    try {
      clip =
          files.clipImage().map(one -> FrameEncoder.open(one, NetworkInput.CLIP, files.device()));
      dino = files.dino().map(one -> FrameEncoder.open(one, NetworkInput.DINO, files.device()));
      Optional<TextEncoder> text =
          files
              .clipText()
              .map(
                  one ->
                      TextEncoder.open(one, files.clipTokenizer().orElseThrow(), files.device()));
      return new Networks(clip, text, dino, file);
    } catch (RuntimeException e) {
      clip.ifPresent(FrameEncoder::close);
      dino.ifPresent(FrameEncoder::close);
      throw e;
    }
  }

  /** What the networks say of a video; what stands in the file of results goes before that. */
  public Features of(SampledVideo video, Optional<String> prompt) {
    Features known = file.map(results -> results.of(video)).orElse(Features.NONE);
    Features features = Features.NONE;
    List<org.lvsa.toolkit.evaluate.frame.RgbFrame> frames = video.frames();
    if (clip.isPresent() && !known.has(Network.CLIP_IMAGE)) {
      features = features.with(Network.CLIP_IMAGE, clip.get().encode(frames));
    }
    if (dino.isPresent() && !known.has(Network.DINO)) {
      features = features.with(Network.DINO, dino.get().encode(frames));
    }
    boolean hasPrompt = prompt.filter(one -> !one.isBlank()).isPresent();
    if (text.isPresent() && hasPrompt && !known.has(Network.CLIP_TEXT)) {
      features =
          features.with(
              Network.CLIP_TEXT, new double[][] {text.get().encode(prompt.orElseThrow())});
    }
    Features all = features.with(known);
    check(all);
    return all;
  }

  /** Vectors of pictures and of the prompt are compared, so they must be as long as each other. */
  private static void check(Features features) {
    if (features.has(Network.CLIP_IMAGE) && features.has(Network.CLIP_TEXT)) {
      int picture = features.vectors(Network.CLIP_IMAGE)[0].length;
      int prompt = features.vectors(Network.CLIP_TEXT)[0].length;
      if (picture != prompt) {
        throw new IllegalArgumentException(
            "CLIP's vectors must be of one length: its pictures have "
                + picture
                + " numbers, the prompt "
                + prompt);
      }
    }
  }

  @Override
  public void close() {
    clip.ifPresent(FrameEncoder::close);
    text.ifPresent(TextEncoder::close);
    dino.ifPresent(FrameEncoder::close);
  }
}
