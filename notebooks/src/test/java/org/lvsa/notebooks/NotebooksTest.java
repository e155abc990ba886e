// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.dflib.jjava.jupyter.kernel.display.DisplayData;
import org.dflib.jjava.jupyter.kernel.display.mime.MIMEType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tech.tablesaw.api.IntColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/** The committed notebooks, and what the kernel makes of objects. */
class NotebooksTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "1-pattern",
        "2-sweep",
        "3-write-a-kernel",
        "4-published-results",
        "5-patterns",
        "6-quality"
      })
  void outputsAreThoseOfTheSource(String name) throws IOException {
    NotebookFile notebook = NotebookFile.read(Path.of(name + ".ipynb"));
    assertEquals(
        notebook.digest(),
        notebook.executed(),
        "the code changed since it ran: ./lvsa notebook --execute notebooks/" + name + ".ipynb");
    boolean shown = false;
    for (JsonNode cell : notebook.cells("code")) {
      assertTrue(cell.get("execution_count").isInt(), "a cell of " + name + " never ran");
      for (JsonNode output : cell.get("outputs")) {
        assertFalse(output.get("output_type").textValue().equals("error"), output.toString());
        JsonNode data = output.path("data");
        shown |= data.has("image/png") || data.has("text/html");
      }
    }
    assertTrue(shown, name + " shows neither a picture nor a table");
    assertTrue(notebook.cells("markdown").size() >= 3, name + " tells no story");
    assertTrue(Files.size(notebook.path()) < 1_000_000, name + " is over 1 MB");
    // JJava's magics alone, so that it runs there too.
    assertTrue(notebook.code().getFirst().startsWith("%jars "));
    assertEquals("java", notebook.content().at("/metadata/kernelspec/name").textValue());
  }

  /** JShell declares the variables of earlier cells anew, and empty, when a later one imports. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "1-pattern",
        "2-sweep",
        "3-write-a-kernel",
        "4-published-results",
        "5-patterns",
        "6-quality"
      })
  void importsStandInTheFirstCell(String name) throws IOException {
    List<String> code = NotebookFile.read(Path.of(name + ".ipynb")).code();
    assertTrue(code.getFirst().lines().anyMatch(line -> line.startsWith("import ")));
    for (String cell : code.subList(1, code.size())) {
      // A source in a text block is another program's.
      String own = cell.replaceAll("(?s)\"\"\".*?\"\"\"", "");
      assertTrue(own.lines().noneMatch(line -> line.strip().startsWith("import ")), cell);
    }
  }

  @Test
  void anEditMakesTheOutputsStale(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("n.ipynb");
    Files.writeString(
        file,
        """
        {"cells": [{"cell_type": "code", "source": ["int a = 1;\\n", "a"], "outputs": []}],
         "metadata": {}}
        """);
    NotebookFile.read(file).stamp();
    NotebookFile stamped = NotebookFile.read(file);
    assertEquals(stamped.digest(), stamped.executed());
    assertEquals(List.of("int a = 1;\na"), stamped.code());
    Files.writeString(file, Files.readString(file).replace("int a = 1", "int a = 2"));
    NotebookFile edited = NotebookFile.read(file);
    assertFalse(edited.digest().equals(edited.executed()));
  }

  @Test
  void picturesTablesAndHtmlAreShownAsSuch() {
    DisplayData image = Rendered.of(new BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB));
    assertTrue(image.getData(MIMEType.IMAGE_PNG).toString().startsWith("iVBOR"));
    Table table =
        Table.create("t", StringColumn.create("name", "a<b"), IntColumn.create("n", new int[] {7}));
    DisplayData shown = Rendered.of(table);
    assertTrue(shown.getData(MIMEType.TEXT_HTML).toString().contains("<td>a&lt;b</td><td>7</td>"));
    assertTrue(shown.getData(MIMEType.TEXT_PLAIN).toString().contains("a<b"));
    assertTrue(Rendered.of("<b>bold</b>").hasDataForType(MIMEType.TEXT_HTML));
    assertFalse(Rendered.of("plain").hasDataForType(MIMEType.TEXT_HTML));
    assertEquals("7", Rendered.of(7).getData(MIMEType.TEXT_PLAIN));
  }
}
