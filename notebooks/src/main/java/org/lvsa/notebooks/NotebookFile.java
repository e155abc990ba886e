// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.OutputFile;

/** A notebook, and whether its outputs are those of its source. */
public record NotebookFile(Path path, ObjectNode content) {
  /**
   * Reads a notebook.
   *
   * @throws MalformedFileException with the place, if the file is no notebook (nbformat 4)
   */
  public static NotebookFile read(Path path) {
    if (!(Json.read(path) instanceof ObjectNode content)) {
      throw new MalformedFileException(path + ": a notebook is a JSON object");
    }
    JsonNode cells = content.path("cells");
    if (!cells.isArray()) {
      throw new MalformedFileException(path + ": needs an array of cells");
    }
    for (int i = 0; i < cells.size(); i++) {
      if (!cells.get(i).path("cell_type").isTextual()) {
        throw new MalformedFileException(path + ": cell " + i + " needs a cell_type");
      }
      JsonNode source = cells.get(i).path("source");
      boolean lines = source.isArray() && source.valueStream().allMatch(JsonNode::isTextual);
      if (!source.isTextual() && !lines) {
        throw new MalformedFileException(
            path + ": the source of cell " + i + " must be a text or lines of text");
      }
    }
    for (String field : new String[] {"/metadata", "/metadata/lvsa", "/metadata/kernelspec"}) {
      JsonNode node = content.at(field);
      if (!node.isMissingNode() && !node.isObject()) {
        throw new MalformedFileException(path + ": " + field + " must be an object");
      }
    }
    return new NotebookFile(path, content);
  }

  /** Sources of the code cells. */
  public List<String> code() {
    List<String> code = new ArrayList<>();
    for (JsonNode cell : cells("code")) {
      code.add(text(cell.get("source")));
    }
    return code;
  }

  /** Code cells, or others. */
  public List<JsonNode> cells(String type) {
    List<JsonNode> cells = new ArrayList<>();
    for (JsonNode cell : content.get("cells")) {
      if (cell.get("cell_type").textValue().equals(type)) {
        cells.add(cell);
      }
    }
    return cells;
  }

  /** Digest of all code. */
  public String digest() {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256")
                  .digest(String.join("\0", code()).getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The digest of the code that gave the outputs; empty if it never ran. */
  public String executed() {
    return content.path("metadata").path("lvsa").path("executed").asText();
  }

  /** Records that the outputs are those of the code as it stands. */
  public void stamp() throws IOException {
    content.withObject("/metadata/lvsa").put("executed", digest());
    // Whoever opens the notebook may have JJava, whose name for their kernel is this.
    content
        .withObject("/metadata/kernelspec")
        .put("name", "java")
        .put("display_name", "Java")
        .put("language", "java");
    byte[] json = Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(content);
    OutputFile.write(
        path,
        out -> {
          out.write(json);
          out.write('\n');
        });
  }

  private static String text(JsonNode source) {
    if (source.isTextual()) {
      return source.textValue();
    }
    StringBuilder text = new StringBuilder();
    source.forEach(line -> text.append(line.textValue()));
    return text.toString();
  }
}
