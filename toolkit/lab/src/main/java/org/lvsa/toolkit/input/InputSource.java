// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.nio.file.Path;

/** Where queries, keys and values come from. */
public sealed interface InputSource {
  /** How a result row names it. */
  String label();

  /** Independent standard normal numbers. */
  record RandomNumbers() implements InputSource {
    @Override
    public String label() {
      return "random";
    }
  }

  /** A scene made in code: textured discs that drift and turn over a textured background. */
  record Moving() implements InputSource {
    @Override
    public String label() {
      return "moving";
    }
  }

  /** The pixels of a video file. */
  record VideoFile(Path path) implements InputSource {
    @Override
    public String label() {
      return path.getFileName().toString();
    }
  }

  /** Reads {@code random}, {@code moving} or a path. */
  static InputSource parse(String text) {
    return switch (text) {
      case "random" -> new RandomNumbers();
      case "moving" -> new Moving();
      default -> new VideoFile(Path.of(text));
    };
  }
}
