// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.jobs.FakeMaker;

/** docs/serving.md tells every route, field, error and metric of the server, and no others. */
class DocsTest {
  private static final Path PAGE = Path.of("../../docs/serving.md");

  /** The table rows of a section, without its head. */
  private static List<String> rows(String section) throws IOException {
    String page = Files.readString(PAGE);
    String text = page.substring(page.indexOf("## " + section));
    int end = text.indexOf("\n## ");
    return (end < 0 ? text : text.substring(0, end))
        .lines()
        .filter(line -> line.startsWith("| "))
        .skip(1)
        .toList();
  }

  private static Set<String> quoted(List<String> rows, String form) {
    Pattern pattern = Pattern.compile(form);
    Set<String> found = new TreeSet<>();
    for (String row : rows) {
      Matcher matcher = pattern.matcher(row.split("\\|")[1]);
      while (matcher.find()) {
        found.add(matcher.group(1));
      }
    }
    return found;
  }

  @Test
  void everyRouteIsThere() throws IOException {
    assertEquals(
        Stream.of(Route.values())
            .map(Route::toString)
            .collect(Collectors.toCollection(TreeSet::new)),
        quoted(rows("Endpoints"), "`([A-Z]+ /[^`]*)`"));
  }

  @Test
  void everyFieldIsThereWithItsValues() throws IOException {
    assertEquals(
        Stream.of(Field.values())
            .map(field -> "| `" + field + "` | " + field.kind().words() + " | ")
            .toList(),
        rows("Fields").stream()
            .map(row -> row.replaceFirst("^(\\| `\\w+` \\| [^|]* \\| ).*", "$1"))
            .toList());
  }

  @Test
  void everyErrorIsThereWithItsStatus() throws IOException {
    assertEquals(
        Stream.of(Fault.values())
            .map(
                fault ->
                    "| " + fault.status() + " | `" + fault.code() + "` | `" + fault.type() + "` | ")
            .toList(),
        rows("Errors").stream()
            .map(row -> row.replaceFirst("^(\\| \\d+ \\| `\\w+` \\| `\\w+` \\| ).*", "$1"))
            .toList());
  }

  /** A timer's largest value goes without a row of its own. */
  @Test
  void everyMetricIsThere(@TempDir Path folder) throws Exception {
    try (TestServer server = TestServer.start(folder, FakeMaker.quick())) {
      server.await(server.submit("a cat"), "completed");
      Set<String> scraped =
          server
              .get("/metrics")
              .body()
              .lines()
              .filter(line -> line.startsWith("# TYPE "))
              .map(line -> line.split(" ")[2].replaceFirst("_max$", ""))
              .collect(Collectors.toCollection(TreeSet::new));
      assertEquals(scraped, quoted(rows("Metrics"), "`(lvsa_\\w+)`"));
    }
  }
}
