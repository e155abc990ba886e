// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionTest {
  private static final Session SESSION = new Session();

  /** No test depends on this: a cell that never ends fails in place of hanging. */
  private static final long PATIENCE_SECONDS = 120;

  @AfterAll
  static void close() {
    SESSION.close();
  }

  private static List<String> failure(String cell) {
    return assertThrows(CellError.class, () -> SESSION.evaluate(cell)).lines();
  }

  @Test
  void theLastExpressionIsTheValue() {
    assertEquals(Optional.of(42), SESSION.evaluate("int a = 40;\na + 2"));
    assertEquals(Optional.of(40), SESSION.evaluate("a"));
    assertEquals(Optional.empty(), SESSION.evaluate("int b = 7;"));
    assertEquals(Optional.empty(), SESSION.evaluate("a + 2;\nint c = 1;"));
    assertEquals(Optional.empty(), SESSION.evaluate(""));
  }

  @Test
  void valuesAreTheObjectsThemselves() {
    Object value =
        SESSION
            .evaluate(
                "import org.lvsa.toolkit.pattern.PatternSettings;\n"
                    + "org.lvsa.toolkit.pattern.Pattern.build(PatternSettings.of(9, 4, 1, 1, 9, 1.0))")
            .orElseThrow();
    assertTrue(value instanceof org.lvsa.toolkit.pattern.Pattern, value.toString());
  }

  @Test
  void whatNeedsNoImportIsAsInJjava() {
    try (Session fresh = new Session()) {
      assertEquals(
          Optional.of(true), fresh.evaluate("Pattern.compile(\"a+\").matcher(\"aa\").matches()"));
      assertEquals(
          Optional.of("2-PT5S-3"),
          fresh.evaluate(
              "new StringBuilder().append(new ArrayList<>(List.of(1, 2)).size()).append('-')"
                  + ".append(Duration.ofSeconds(5)).append('-').append(BigInteger.valueOf(3))"
                  + ".toString()"));
      CellError streams =
          assertThrows(CellError.class, () -> fresh.evaluate("IntStream.range(0, 3).sum()"));
      assertTrue(streams.lines().getFirst().contains("cannot find symbol"), streams.getMessage());
      fresh.evaluate("import org.lvsa.toolkit.pattern.Pattern;");
      assertEquals(
          Optional.of(org.lvsa.toolkit.pattern.Pattern.class), fresh.evaluate("Pattern.class"));
    }
  }

  @Test
  void declarationsOutliveTheirCell() {
    SESSION.evaluate("record Point(int x, int y) { int sum() { return x + y; } }");
    SESSION.evaluate("int twice(int n) {\n  return 2 * n;\n}");
    assertEquals(Optional.of(14), SESSION.evaluate("twice(new Point(3, 4).sum())"));
  }

  @Test
  void displayShowsWithoutBeingTheLast() {
    List<Object> shown = new ArrayList<>();
    Values.screen(shown::add);
    assertEquals(Optional.of(1), SESSION.evaluate("display(\"one\");\ndisplay(2);\n1"));
    assertEquals(List.of("one", 2), shown);
  }

  @Test
  void aCellThatDoesNotCompileNamesItsLine() {
    List<String> lines = failure("int x = 1;\n\nint y = x +\n    missing;\n");
    assertTrue(lines.getFirst().startsWith("line 4: cannot find symbol"), lines.toString());
    assertTrue(lines.contains("    missing;"), lines.toString());
    assertTrue(failure("int z = ;").getFirst().startsWith("line 1: "));
  }

  @Test
  void anUnfinishedCellSaysSo() {
    assertEquals(
        List.of("line 2: the cell ends before this is complete"),
        failure("int p = 1;\nint q = (1 +"));
    assertFalse(SESSION.isComplete("for (int i = 0; i < 3; i++) {"));
    assertTrue(SESSION.isComplete("int r = 1;"));
  }

  @Test
  void anExceptionNamesTheLineThatThrew() {
    List<String> lines = failure("int zero = 0;\n\nint boom = 1 / zero;");
    assertEquals("java.lang.ArithmeticException: / by zero", lines.getFirst());
    assertTrue(lines.contains("    at line 3 of the cell"), lines.toString());
  }

  @Test
  void whatRanBeforeAnErrorStays() {
    failure("int kept = 5;\nint lost = nowhere;");
    assertEquals(Optional.of(5), SESSION.evaluate("kept"));
  }

  @Test
  void jarsMagicsAreTakenAndOthersRefused() {
    assertEquals(
        Optional.of(3), SESSION.evaluate("%jars target/*.jar\n%classpath target/classes\n3"));
    assertEquals(
        List.of("unknown magic %timeit 3, there are %jars GLOB and %classpath PATH"),
        failure("%timeit 3"));
    assertEquals(
        List.of("%jars nowhere/*.jar: there is no directory nowhere"),
        failure("%jars nowhere/*.jar"));
    assertTrue(failure("%jars target/*.jar\nint v = w;").getFirst().startsWith("line 2: "));
  }

  @Test
  void completionKnowsWhatTheCellBefore() {
    SESSION.evaluate("String greeting = \"hello\";");
    Session.Completions found = SESSION.complete("int i = 1; greeting.toUpp", 25);
    assertTrue(
        found.names().contains("toUpperCase()") || found.names().contains("toUpperCase("),
        found.toString());
    assertEquals(20, found.begin());
    assertTrue(
        SESSION.documentation("greeting.substring(", 19).stream()
            .anyMatch(signature -> signature.contains("substring(int beginIndex")));
  }

  /** In a loop, and while the loop is still compiled, when JShell itself passes a stop over. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "while (true) { display(\"begun\"); }",
        "display(\"begun\");\nlong n = 0;\nwhile (true) { n++; }",
        "display(\"begun\");\nThread.sleep(Long.MAX_VALUE);",
      })
  void interruptStopsACellWhereverItIs(String cell) throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    Values.screen(value -> begun.countDown());
    CompletableFuture<CellError> stopped =
        CompletableFuture.supplyAsync(
            () -> assertThrows(CellError.class, () -> SESSION.evaluate(cell)),
            task -> Thread.ofPlatform().daemon().start(task));
    assertTrue(begun.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
    SESSION.interrupt();
    assertFalse(stopped.get(PATIENCE_SECONDS, TimeUnit.SECONDS).lines().isEmpty());
    assertEquals(Optional.of(3), SESSION.evaluate("1 + 2"), "the next cell runs");
  }

  @Test
  void interruptBetweenCellsDoesNothing() {
    SESSION.interrupt();
    assertEquals(Optional.of(3), SESSION.evaluate("1 + 2"));
  }
}
