// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Arrays;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * A mask from a JSON file, over blocks of raster tokens: an object with the CSR arrays {@code
 * indptr} and {@code indices}, and either {@code block}, the tokens per block, or {@code q_sizes}
 * and {@code k_sizes}, the tokens of each block. {@code lvsa pattern --pattern NAME} prints such
 * objects.
 *
 * @param file where the mask came from
 * @param json the object
 */
public record FilePattern(Path file, JsonNode json) implements StaticPattern {

  /**
   * Reads a file.
   *
   * @throws MalformedFileException if it is missing, or no object with indptr and indices
   */
  public static FilePattern read(Path file) {
    JsonNode json = Json.read(file);
    if (!json.isObject()) {
      throw new MalformedFileException(
          file + ": an object with indptr and indices was expected, got " + Messages.cut(json));
    }
    return new FilePattern(file, json);
  }

  @Override
  public String name() {
    return "file:" + file.getFileName();
  }

  /**
   * The mask whose blocks' sizes stand in the file, whatever the video.
   *
   * @throws MalformedFileException if they do not stand there, or the rows do not fit
   */
  public BlockMask mask() {
    int tokens = 0;
    for (JsonNode size : json.path("q_sizes")) {
      tokens += size.asInt();
    }
    return mask(new TokenGrid(1, 1, Math.max(1, tokens), 0));
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    try {
      CaseFields fields = new CaseFields(json);
      int[] querySizes;
      int[] keySizes;
      if (fields.given("q_sizes") || fields.given("k_sizes")) {
        querySizes = sizes(fields, "q_sizes", grid);
        keySizes = sizes(fields, "k_sizes", grid);
      } else {
        int block = fields.number("block");
        Checks.atLeast("block", block, 1);
        querySizes = BlockMask.sizes(grid.tokens(), block);
        keySizes = querySizes;
      }
      JsonNode columns = json.path("indices");
      int[] indices =
          columns.isArray() && columns.isEmpty() ? new int[0] : fields.numbers("indices");
      return new BlockMask(querySizes, keySizes, fields.numbers("indptr"), indices);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(file + ": " + e.getMessage(), e);
    }
  }

  private static int[] sizes(CaseFields fields, String name, TokenGrid grid) {
    int[] sizes = fields.numbers(name);
    if (Arrays.stream(sizes).anyMatch(size -> size < 0)
        || Arrays.stream(sizes).asLongStream().sum() != grid.tokens()) {
      throw new IllegalArgumentException(
          name
              + " must be numbers from 0 on with the sum of the tokens ("
              + grid.tokens()
              + "), got "
              + Messages.cut(Arrays.toString(sizes)));
    }
    return sizes;
  }
}
