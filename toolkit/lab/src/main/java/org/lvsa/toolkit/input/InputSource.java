// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.nio.file.Path;
import org.lvsa.toolkit.io.Messages;

/** The source of query, key and value. */
public sealed interface InputSource {
  /** The name of the source in a result row. */
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
      Path name = path.getFileName();
      return Messages.oneLine(name == null ? path.toString() : name.toString());
    }
  }

  /** Query, key and value of a real generation, in a {@code .safetensors} file. */
  record Capture(Path path) implements InputSource {
    @Override
    public String label() {
      return new VideoFile(path).label();
    }
  }

  /**
   * The source of that name: {@code random}, {@code moving}, a capture's path ({@code
   * .safetensors}), or a video file's path.
   */
  static InputSource parse(String text) {
    return switch (text) {
      case "random" -> new RandomNumbers();
      case "moving" -> new Moving();
      default ->
          text.endsWith(".safetensors") ? new Capture(Path.of(text)) : new VideoFile(Path.of(text));
    };
  }
}
