// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;

/** Compares trees whose numbers may differ a little. */
final class ObjectNodes {
  private ObjectNodes() {}

  static void near(JsonNode expected, JsonNode actual, double slack) {
    near(expected, actual, slack, "");
  }

  private static void near(JsonNode expected, JsonNode actual, double slack, String where) {
    if (expected.isNumber()) {
      assertEquals(expected.doubleValue(), actual.doubleValue(), slack, where);
    } else if (expected.isContainerNode()) {
      assertEquals(expected.size(), actual.size(), where + ": " + actual);
      for (int i = 0; expected.isArray() && i < expected.size(); i++) {
        near(expected.get(i), actual.get(i), slack, where + "[" + i + "]");
      }
      expected
          .properties()
          .forEach(
              field ->
                  near(
                      field.getValue(),
                      actual.path(field.getKey()),
                      slack,
                      where + "." + field.getKey()));
    } else {
      assertEquals(expected, actual, where);
    }
  }
}
