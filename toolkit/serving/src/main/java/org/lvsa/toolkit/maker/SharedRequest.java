// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.jobs.VideoRequest;

/**
 * A request as the processes read it that make its video together with the server's.
 *
 * @param request what is made
 * @param image path of the picture that the video begins with; null for none
 */
record SharedRequest(VideoRequest request, @Nullable String image) {

  static SharedRequest of(VideoRequest request, Optional<Path> image) {
    return new SharedRequest(
        request, image.map(Path::toAbsolutePath).map(Path::toString).orElse(null));
  }

  static SharedRequest read(Path file) {
    return Json.convert(
        Json.parse(Json.text(file), file.toString()), SharedRequest.class, file.toString());
  }

  Optional<Path> picture() {
    return Optional.ofNullable(image).map(Path::of);
  }

  /** Writes a temporary file, which nobody but this user can read. */
  Path write() throws IOException {
    Path file = Files.createTempFile("lvsa-request", ".json");
    try {
      return Files.writeString(file, Json.mapper().writeValueAsString(this));
    } catch (IOException e) {
      Files.deleteIfExists(file);
      throw e;
    }
  }
}
