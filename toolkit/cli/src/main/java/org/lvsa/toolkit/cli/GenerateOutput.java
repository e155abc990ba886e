// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.vae.Rgb;
import org.lvsa.toolkit.video.VideoWriter;

/**
 * Where a generated video goes.
 *
 * @param path the file; for PNG pictures a directory
 * @param type what is written there
 * @param fps frames per second, of an mp4
 */
record GenerateOutput(Path path, GenerateCommand.OutputType type, double fps) {
  private static final String MP4 = ".mp4";
  private static final String SAFETENSORS = ".safetensors";

  /**
   * An output that can be written.
   *
   * @param type what is asked for; null to go by the path's ending
   * @throws IllegalArgumentException if path and type do not fit, or the path cannot be written
   */
  static GenerateOutput of(
      Path path, GenerateCommand.OutputType type, double fps, Resolution size) {
    String name = path.toString().toLowerCase(Locale.ROOT);
    GenerateCommand.OutputType chosen = type;
    if (chosen == null) {
      chosen =
          name.endsWith(SAFETENSORS)
              ? GenerateCommand.OutputType.LATENT
              : GenerateCommand.OutputType.MP4;
    }
    if (chosen == GenerateCommand.OutputType.MP4 && !name.endsWith(MP4)) {
      throw new IllegalArgumentException(
          "-o must end in .mp4, or --output-type must say png (a folder) or latent, got " + path);
    }
    if (chosen == GenerateCommand.OutputType.MP4) {
      VideoWriter.checkMp4(size, fps);
    }
    if (chosen == GenerateCommand.OutputType.PNG) {
      checkDirectory(path);
    } else {
      OutputFile.check(path);
    }
    return new GenerateOutput(path, chosen, fps);
  }

  private static void checkDirectory(Path path) {
    Path parent = path.toAbsolutePath().normalize().getParent();
    if (Files.exists(path) && !Files.isDirectory(path)) {
      throw new IllegalArgumentException("cannot write " + path + ": it is not a directory");
    }
    if (parent != null && !Files.isDirectory(parent)) {
      throw new IllegalArgumentException(
          "cannot write " + path + ": " + parent + " is not a directory");
    }
  }

  /** A file beside the output, named after it: {@code OUT.mp4} gives {@code OUT.ending}. */
  Path beside(String ending) {
    String name = path.toAbsolutePath().normalize().getFileName().toString();
    String lower = name.toLowerCase(Locale.ROOT);
    for (String known : new String[] {MP4, SAFETENSORS}) {
      if (lower.endsWith(known)) {
        name = name.substring(0, name.length() - known.length());
        break;
      }
    }
    return path.resolveSibling(name + "." + ending);
  }

  /** The file that keeps what an interrupted run needs to go on. */
  Path resumeFile() {
    return beside("resume.safetensors");
  }

  /** How colours become bytes: pictures are rounded and video files truncated, as published. */
  Rgb levels() {
    return type == GenerateCommand.OutputType.MP4 ? Rgb.TRUNCATED : Rgb.ROUNDED;
  }

  /**
   * Writes a video, whole or not at all.
   *
   * @param frames gives all frames
   * @return what was written, in words
   */
  String write(Resolution size, VideoWriter.Body frames) throws IOException {
    return switch (type) {
      case MP4 -> "mp4, " + VideoWriter.mp4(path, size, fps, frames);
      case PNG -> {
        VideoWriter.png(path, size, frames);
        yield "PNG pictures";
      }
      case LATENT -> throw new IllegalStateException("latents are not decoded");
    };
  }
}
