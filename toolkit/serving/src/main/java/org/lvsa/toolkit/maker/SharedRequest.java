// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.jobs.PictureRole;
import org.lvsa.toolkit.jobs.VideoRequest;

/**
 * A request as the processes read it that make its video together with the server's.
 *
 * @param request what is made
 * @param pictures paths of those that came with it
 */
record SharedRequest(VideoRequest request, Map<PictureRole, String> pictures) {

  static SharedRequest of(VideoRequest request, Map<PictureRole, Path> pictures) {
    Map<PictureRole, String> paths = new EnumMap<>(PictureRole.class);
    pictures.forEach((role, file) -> paths.put(role, file.toAbsolutePath().toString()));
    return new SharedRequest(request, paths);
  }

  static SharedRequest read(Path file) {
    return Json.convert(
        Json.parse(Json.text(file), file.toString()), SharedRequest.class, file.toString());
  }

  Map<PictureRole, Path> files() {
    Map<PictureRole, Path> files = new EnumMap<>(PictureRole.class);
    pictures.forEach((role, path) -> files.put(role, Path.of(path)));
    return files;
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
