// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.lvsa.toolkit.model.Resolution;

/** Makes videos, one at a time, with one model on one device. */
public interface VideoMaker extends AutoCloseable {

  /** The model's name, as clients see it. */
  String model();

  /** The values of a request that says nothing else. */
  Defaults defaults();

  /**
   * The size of a video that begins with a picture, where a request says none.
   *
   * @param picture its size
   */
  default Resolution defaultSize(Resolution picture) {
    return defaults().size();
  }

  /**
   * The nearest number of frames, not above {@code frames} where one is, that the model can make.
   */
  int nearestFrames(int frames);

  /** The nearest size, not above {@code size} where one is, that the model can make. */
  Resolution nearestSize(Resolution size);

  /**
   * Judges a request before it is queued.
   *
   * @param pictures that come with it
   * @throws IllegalArgumentException saying what is wrong with it
   */
  void check(VideoRequest request, Set<PictureRole> pictures);

  /**
   * Makes a video, or a picture. Runs until it is done, or until {@code progress} throws.
   *
   * @param pictures that came with the request
   * @param file appears whole or not at all
   * @param progress is told of each step, and may end the work there by throwing
   */
  Made make(VideoRequest request, Map<PictureRole, Path> pictures, Path file, Progress progress)
      throws Exception;

  @Override
  void close();

  /**
   * What a model does where a request does not say.
   *
   * @param size pixels
   * @param frames video frames
   * @param fps frames per second
   * @param steps denoising steps
   * @param guidanceScale how strongly the prompt is followed
   */
  record Defaults(Resolution size, int frames, double fps, int steps, double guidanceScale) {}

  /** A part of the work. */
  enum Stage {
    /** Prompts and pictures are encoded. */
    ENCODING,
    /** Denoising steps. */
    DENOISING,
    /** Latents become frames. */
    DECODING
  }

  /** Is told how the work comes along. */
  @FunctionalInterface
  interface Progress {
    /**
     * Something is done.
     *
     * @param done steps or frames
     * @param all steps or frames of the stage, at least 1
     * @throws JobStopped if the work is to end here
     */
    void report(Stage stage, int done, int all);
  }

  /**
   * What really ran.
   *
   * @param attention dense or lvsa
   * @param density mean share of the frame pairs that attended
   * @param kernel of self-attention
   * @param device on which it ran
   * @param fallbacks lines about what ran otherwise than asked for
   * @param stageSeconds by stage, in the order in which they ran
   */
  record Made(
      String attention,
      double density,
      String kernel,
      String device,
      List<String> fallbacks,
      Map<String, Double> stageSeconds) {}
}
