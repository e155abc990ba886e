// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.Mutator;
import org.lvsa.toolkit.io.MalformedFileException;

/** Damaged notebooks: read, or refused with the file and one line. */
class NotebookFuzzTest {
  @TempDir private Path directory;

  @Test
  void damagedNotebooksAreReadOrRefused() throws IOException {
    byte[] whole = Files.readAllBytes(Path.of("1-pattern.ipynb"));
    long seed = Long.getLong("lvsa.fuzz.seed", System.nanoTime());
    Mutator mutator = new Mutator(seed);
    Path file = directory.resolve("a.ipynb");
    for (int i = 0; i < Mutator.count(100); i++) {
      byte[] mutated = mutator.mutate(whole);
      Files.write(file, mutated);
      String where = "mutation " + i + ", -Dlvsa.fuzz.seed=" + seed;
      try {
        NotebookFile notebook = NotebookFile.read(file);
        assertFalse(notebook.digest().isEmpty(), where);
        notebook.executed();
        notebook.stamp();
        assertEquals(notebook.digest(), NotebookFile.read(file).executed(), where);
      } catch (MalformedFileException e) {
        assertTrue(e.getMessage().startsWith(file.toString()), where + ": " + e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), where + ": " + e.getMessage());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "{}",
        "{\"cells\": {}}",
        "{\"cells\": [1]}",
        "{\"cells\": [{\"cell_type\": \"code\"}]}",
        "{\"cells\": [{\"cell_type\": \"code\", \"source\": [1]}]}",
        "{\"cells\": [], \"metadata\": 3}",
        "{\"cells\": [], \"metadata\": {\"lvsa\": []}}"
      })
  void whatIsNoNotebookIsRefused(String json) throws IOException {
    Path file = Files.writeString(directory.resolve("a.ipynb"), json);
    MalformedFileException refused =
        assertThrows(MalformedFileException.class, () -> NotebookFile.read(file));
    assertTrue(refused.getMessage().startsWith(file + ": "), refused.getMessage());
  }
}
