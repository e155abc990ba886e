// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.OutputFile;

/**
 * The mask of a pattern's first head, kept in the folder {@code masks} beside the results: the
 * report draws it, and {@code --pattern file:} runs it again.
 */
public final class SavedMask {
  /** Larger masks are not kept. */
  private static final int MOST_INDICES = 2_000_000;

  private SavedMask() {}

  /** Where the mask of a cell is kept; cells that differ only in their backend share it. */
  public static Path path(Path directory, Cell cell) {
    String name =
        cell.model()
            + "-"
            + cell.resolution()
            + "-"
            + cell.patchesPerFrame()
            + "-"
            + cell.frames()
            + "-"
            + cell.what();
    return directory.resolve("masks").resolve(name.replaceAll("[^a-zA-Z0-9.]+", "-") + ".json");
  }

  /** Keeps a cell's mask. */
  static void write(Path directory, Cell cell, BlockMask mask) throws IOException {
    if (mask.indices().length > MOST_INDICES) {
      return;
    }
    ObjectNode object = Json.object().put("pattern", cell.what());
    numbers(object.putArray("indptr"), mask.indptr());
    numbers(object.putArray("indices"), mask.indices());
    numbers(object.putArray("q_sizes"), mask.querySizes());
    numbers(object.putArray("k_sizes"), mask.keySizes());
    Path file = path(directory, cell);
    Files.createDirectories(file.getParent());
    OutputFile.write(file, out -> out.write(object.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private static void numbers(ArrayNode array, int[] numbers) {
    for (int number : numbers) {
      array.add(number);
    }
  }
}
