// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MaskCasesTest {
  private static final Path MASKS = Path.of("../../../shared/golden/masks");
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "radial",
        "sta",
        "svg_exec",
        "svg_bsr",
        "svg_profile_masks",
        "baselines",
        "vsa",
        "svg1",
        "svg2",
        "sparge",
        "draft",
        "bsa",
        "oracle"
      })
  void aGoldenDocumentIsAnsweredLineByLine(String method) throws IOException {
    assumeTrue(Files.isDirectory(MASKS), "the golden masks are not beside the checkout");
    Path file = MASKS.resolve(method + ".json.gz");
    Run run = Run.lvsa("pattern", "--cases", file, "--inputs", MASKS.resolve("inputs.safetensors"));
    assertEquals(0, run.code(), run.err());
    List<String> lines = run.out().lines().toList();
    JsonNode cases;
    try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      cases = JSON.readTree(in).get("cases");
    }
    assertEquals(cases.size(), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      JsonNode answer = JSON.readTree(lines.get(i));
      assertTrue(answer.size() > 1, lines.get(i));
      contains(cases.get(i), answer, method + " case " + i);
    }
  }

  /** Everything that was answered is what the document says, densities up to rounding. */
  private static void contains(JsonNode expected, JsonNode answer, String where) {
    if (answer.isObject()) {
      answer
          .properties()
          .forEach(
              field -> {
                if (!field.getKey().equals("kinds")) {
                  JsonNode wanted = expected.get(field.getKey());
                  assertFalse(wanted == null, where + " has no " + field.getKey());
                  contains(wanted, field.getValue(), where + "." + field.getKey());
                }
              });
    } else if (answer.isArray()) {
      assertEquals(expected.size(), answer.size(), where);
      for (int i = 0; i < answer.size(); i++) {
        contains(expected.get(i), answer.get(i), where + "[" + i + "]");
      }
    } else if (answer.isNumber()) {
      assertEquals(expected.doubleValue(), answer.doubleValue(), 1e-12, where);
    } else {
      assertEquals(expected, answer, where);
    }
  }

  @Test
  void infinityIsReadAndAPlainDocumentToo() throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("own.json"),
            """
            {"method": "baselines", "cases": [
              {"id": "a", "kind": "strided", "T": 1, "H": 2, "W": 2, "block": 1,
               "local": 0, "stride": 3, "min_gap": Infinity, "other": NaN}]}
            """);
    Run run = Run.lvsa("pattern", "--cases", file);
    assertEquals(0, run.code(), run.err());
    assertEquals(
        "{\"id\":\"a\",\"indptr\":[0,2,5,8,10],\"indices\":[0,3,0,1,3,0,2,3,0,3],"
            + "\"density_block\":0.625,\"density_token\":0.625}",
        run.out().strip());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"method": "radiall", "cases": []}                 | unknown method radiall, the nearest is radial
          {"cases": []}                                      | an object with method, a text, and cases, a list, was expected
          {"method": "sta"}                                  | an object with method, a text, and cases, a list, was expected
          {"method": "sta", "cases": [                       | line 1, column
          {"method": "sta", "cases": [3]}                    | case 1: an object was expected, got 3
          {"method": "sta", "cases": [{}]}                   | case 1: id must be a text, got nothing
          {"method": "vsa", "cases": []}                     | vsa looks at queries and keys, give them by --inputs
          {"method": "radial", "cases": [{"id": "x", "T": 3, "H": 2, "W": 0}]} | case 1 (x): width must be at least 1, got 0
          {"method": "radial", "cases": [{"id": "x", "T": 3, "H": 2, "W": 2, "block": 4, "decay_factor": 1, "model": "sora"}]} | case 1 (x): model must be one of [wan, hunyuan], got "sora"
          {"method": "radial", "cases": [{"id": "x", "T": 99, "H": 999, "W": 999, "block": 1, "decay_factor": 1, "model": "wan"}]} | a mask has at most 2^28 pairs of blocks
          {"method": "radial", "cases": [{"id": "x", "T": 9999999999, "H": 2, "W": 2}]} | T must be an integer, got 9999999999
          {"method": "sta", "cases": [{"id": "x", "T": 3, "H": 2, "W": 2, "tile": [99999, 99999, 99999], "kernel": [1, 1, 1]}]} | a tile holds at most 2^31-1 tokens
          {"method": "sta", "cases": [{"id": "x", "T": 3, "H": 2, "W": 2, "tile": [1, 1], "kernel": [1, 1, 1]}]} | tile must be 3 integers, got [1,1]
          """)
  void badInputIsOneLineAndCodeTwo(String text, String message) throws IOException {
    Path file = Files.writeString(directory.resolve("bad.json"), text);
    Run run = Run.lvsa("pattern", "--cases", file);
    assertEquals(2, run.code(), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().startsWith("lvsa: ") && run.err().contains(message), run.err());
    assertEquals("", run.out());
  }

  @Test
  void damagedGzipAndMissingInputsAreNamed() throws IOException {
    Path file =
        Files.write(directory.resolve("cut.json.gz"), new byte[] {0x1f, (byte) 0x8b, 8, 0, 0, 0});
    Run run = Run.lvsa("pattern", "--cases", file);
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains("cut.json.gz: cannot be read"), run.err());
    Path vsa =
        Files.writeString(
            directory.resolve("vsa.json"), "{\"method\": \"vsa\", \"cases\": [{\"id\": \"x\"}]}");
    run = Run.lvsa("pattern", "--cases", vsa, "--inputs", directory.resolve("no.safetensors"));
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains("no.safetensors: no such file"), run.err());
  }
}
