// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

/**
 * How much a request may bring and ask for.
 *
 * @param promptCharacters of the prompt, and of the negative one
 * @param bodyBytes of a body, all parts together
 * @param imageBytes of a picture as it arrives
 * @param imagePixels of a picture, decoded
 * @param generatedImagePixels of a picture that is made
 * @param videoPixels of all frames together
 */
public record Bounds(
    int promptCharacters,
    int bodyBytes,
    int imageBytes,
    int imagePixels,
    long generatedImagePixels,
    long videoPixels) {
  /** What a server takes that is told nothing else. */
  public static final Bounds DEFAULT =
      new Bounds(10_000, 16 << 20, 10 << 20, 1 << 24, 1 << 24, 1_000_000_000L);

  /** All are above 0. */
  public Bounds {
    if (promptCharacters < 1
        || bodyBytes < 1
        || imageBytes < 1
        || imagePixels < 1
        || generatedImagePixels < 1
        || videoPixels < 1) {
      throw new IllegalArgumentException("every bound of a request must be at least 1");
    }
  }
}
