// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import org.lvsa.toolkit.serving.Bounds;
import picocli.CommandLine.Option;

/** The options that say how much one request may bring and ask for. */
final class BoundOptions {
  @Option(
      names = "--max-prompt",
      paramLabel = "N",
      defaultValue = "10000",
      description = "characters of a prompt (default: ${DEFAULT-VALUE})")
  private int prompt;

  @Option(
      names = "--max-body",
      paramLabel = "BYTES",
      defaultValue = "16777216",
      description = "of a whole request (default: ${DEFAULT-VALUE})")
  private int body;

  @Option(
      names = "--max-image",
      paramLabel = "BYTES",
      defaultValue = "10485760",
      description = "of a picture in a request (default: ${DEFAULT-VALUE})")
  private int image;

  @Option(
      names = "--max-image-pixels",
      paramLabel = "N",
      defaultValue = "16777216",
      description = "pixels of a picture in a request (default: ${DEFAULT-VALUE})")
  private int imagePixels;

  @Option(
      names = "--max-generated-image-size",
      paramLabel = "N",
      defaultValue = "16777216",
      description = "pixels of a picture that is made (default: ${DEFAULT-VALUE})")
  private long generatedImagePixels;

  @Option(
      names = "--max-video-pixels",
      paramLabel = "N",
      defaultValue = "1000000000",
      description = "pixels of all frames of a video together (default: ${DEFAULT-VALUE})")
  private long videoPixels;

  /**
   * The bounds.
   *
   * @throws IllegalArgumentException if one is below 1
   */
  Bounds bounds() {
    return new Bounds(prompt, body, image, imagePixels, generatedImagePixels, videoPixels);
  }
}
