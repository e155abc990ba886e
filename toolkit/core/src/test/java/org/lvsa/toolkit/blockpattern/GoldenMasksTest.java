// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.tensor.Safetensors;

/** Masks that the published code computed, beside the checkout. */
class GoldenMasksTest {
  private static final Path MASKS = Path.of("../../../shared/golden/masks");

  @TestFactory
  Stream<DynamicTest> staticPatternsEqualThePublishedOnes() throws IOException {
    assumeTrue(Files.isDirectory(MASKS), "the golden masks are not beside the checkout");
    List<DynamicTest> tests = new ArrayList<>();
    for (String method :
        List.of("radial", "sta", "svg_exec", "svg_bsr", "svg_profile_masks", "baselines")) {
      for (JsonNode one : cases(method)) {
        tests.add(
            DynamicTest.dynamicTest(
                one.get("id").textValue(), () -> equal(one, StaticCases.answer(method, one))));
      }
    }
    assertTrue(tests.size() > 80, "only " + tests.size() + " cases");
    return tests.stream();
  }

  @TestFactory
  Stream<DynamicTest> selectionsEqualThePublishedOnes() throws IOException {
    assumeTrue(Files.isDirectory(MASKS), "the golden masks are not beside the checkout");
    List<DynamicTest> tests = new ArrayList<>();
    for (String method : List.of("vsa", "svg1", "svg2", "sparge", "draft", "bsa", "oracle")) {
      for (JsonNode one : cases(method)) {
        tests.add(
            DynamicTest.dynamicTest(one.get("id").textValue(), () -> selectionEquals(method, one)));
      }
    }
    assertTrue(tests.size() > 80, "only " + tests.size() + " cases");
    return tests.stream();
  }

  private static void selectionEquals(String method, JsonNode one) {
    try (Arena arena = Arena.ofConfined()) {
      GridInputs inputs =
          new GridInputs(Safetensors.open(MASKS.resolve("inputs.safetensors"), arena));
      JsonNode answer = HeadCases.answer(method, one, inputs);
      if (method.equals("svg1")) {
        assertEquals(one.get("best"), answer.get("best"));
        return;
      }
      assertEquals(one.get("heads").size(), answer.get("heads").size());
      for (int head = 0; head < answer.get("heads").size(); head++) {
        equal(one.get("heads").get(head), answer.get("heads").get(head));
      }
    }
  }

  private static void equal(JsonNode wanted, JsonNode answer) {
    answer
        .properties()
        .forEach(
            field -> {
              JsonNode expected = wanted.get(field.getKey());
              assertTrue(expected != null, () -> field.getKey() + " is not among " + wanted);
              if (expected.isDouble()) {
                assertEquals(
                    expected.doubleValue(), field.getValue().doubleValue(), 1e-12, field.getKey());
              } else if (expected.isObject()) {
                equal(expected, field.getValue());
              } else {
                assertEquals(expected.toString(), field.getValue().toString(), field.getKey());
              }
            });
    assertTrue(!answer.isEmpty(), "empty answer");
  }

  @TestFactory
  Stream<DynamicTest> tileOrdersEqualThePublishedOnes() throws IOException {
    assumeTrue(Files.isDirectory(MASKS), "the golden masks are not beside the checkout");
    return cases("sta").stream()
        .map(
            one ->
                DynamicTest.dynamicTest(
                    one.get("id").textValue(),
                    () -> {
                      CaseFields fields = new CaseFields(one);
                      TokenGrid grid = fields.grid("none");
                      assertEquals(
                          one.get("perm").get("crc32_le32").longValue(),
                          crc(fields.tile("tile").order(grid)));
                    }));
  }

  private static long crc(TokenOrder order) {
    CRC32 crc = new CRC32();
    for (int index : order.source()) {
      for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
        crc.update(index >>> shift);
      }
    }
    return crc.getValue();
  }

  static List<JsonNode> cases(String method) throws IOException {
    try (InputStream in =
        new GZIPInputStream(Files.newInputStream(MASKS.resolve(method + ".json.gz")))) {
      List<JsonNode> cases = new ArrayList<>();
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .build()
          .readTree(in)
          .get("cases")
          .forEach(cases::add);
      return cases;
    }
  }
}
