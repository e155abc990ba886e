// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.video.VideoWriter;

/**
 * A maker without a model. Each step waits for a permit where the test holds the steps; the file
 * says what was asked for.
 */
public final class FakeMaker implements VideoMaker {
  /** Steps that may run. */
  public final Semaphore steps = new Semaphore(0);

  /** What was made, in order. */
  public final List<VideoRequest> made = Collections.synchronizedList(new ArrayList<>());

  private final boolean holdsSteps;
  private final boolean takesPictures;
  private final boolean makesVideos;

  /** Thrown in place of making anything, if not null. */
  public volatile Exception failure;

  private FakeMaker(boolean holdsSteps, boolean takesPictures, boolean makesVideos) {
    this.holdsSteps = holdsSteps;
    this.takesPictures = takesPictures;
    this.makesVideos = makesVideos;
  }

  /** Runs at once, of a prompt alone. */
  public static FakeMaker quick() {
    return new FakeMaker(false, false, false);
  }

  /** Waits for a permit before each step. */
  public static FakeMaker held() {
    return new FakeMaker(true, false, false);
  }

  /** Waits for a permit before each step, and makes videos that a browser can play. */
  public static FakeMaker heldWithVideos() {
    return new FakeMaker(true, false, true);
  }

  /** Runs at once, with pictures where there are some. */
  public static FakeMaker withPictures() {
    return new FakeMaker(false, true, false);
  }

  /** Waits until a step waits for its permit. */
  public void awaitStep() throws InterruptedException {
    while (!steps.hasQueuedThreads()) {
      Thread.sleep(1);
    }
  }

  /** Lets everything run. */
  public void release() {
    steps.release(1_000_000);
  }

  @Override
  public String model() {
    return "fake";
  }

  @Override
  public Defaults defaults() {
    return new Defaults(new Resolution(64, 48), 81, 16, 4, 5);
  }

  /** Half as large as the picture. */
  @Override
  public Resolution defaultSize(Resolution picture) {
    return new Resolution(picture.width() / 2, picture.height() / 2);
  }

  @Override
  public int nearestFrames(int frames) {
    return (frames - 1) / 4 * 4 + 1;
  }

  @Override
  public Resolution nearestSize(Resolution size) {
    return new Resolution(
        Math.max(size.width() / 16, 1) * 16, Math.max(size.height() / 16, 1) * 16);
  }

  @Override
  public void check(VideoRequest request, Set<PictureRole> pictures) {
    if (!pictures.isEmpty() && !takesPictures) {
      throw new IllegalArgumentException("pictures are not supported");
    }
    if (request.sampling().guidanceScale2() != null) {
      throw new IllegalArgumentException("a second guidance scale is not supported");
    }
  }

  /** Content of the file of a request. */
  public static String content(VideoRequest request) {
    return "a video of " + request.prompt() + ", seed " + request.sampling().seed();
  }

  @Override
  public Made make(
      VideoRequest request, Map<PictureRole, Path> pictures, Path file, Progress progress)
      throws Exception {
    made.add(request);
    if (failure != null) {
      throw failure;
    }
    int all = request.sampling().steps();
    progress.report(Stage.DENOISING, 0, all);
    for (int step = 1; step <= all; step++) {
      if (holdsSteps) {
        steps.acquire();
      }
      progress.report(Stage.DENOISING, step, all);
    }
    progress.report(Stage.DECODING, 1, 1);
    if (makesVideos) {
      video(request, file);
    } else {
      write(file, content(request));
    }
    boolean lvsa = "LVSA".equals(request.lvsa().get("DIFFUSION_ATTENTION_BACKEND"));
    return new Made(
        lvsa ? "lvsa" : "dense",
        lvsa ? 0.5 : 1,
        "fake-kernel",
        "fake device",
        lvsa ? List.of("a fallback") : List.of(),
        Map.of("denoise", 0.1));
  }

  /** Grey frames that become lighter. */
  private static void video(VideoRequest request, Path file) throws IOException {
    byte[] frame = new byte[request.size().width() * request.size().height() * 3];
    VideoWriter.mp4(
        file,
        request.size(),
        request.fps(),
        frames -> {
          for (int i = 0; i < request.frames(); i++) {
            Arrays.fill(frame, (byte) (i * 10));
            frames.write(frame);
          }
        });
  }

  private static void write(Path file, String text) throws IOException {
    OutputFile.write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  @Override
  public void close() {}
}
