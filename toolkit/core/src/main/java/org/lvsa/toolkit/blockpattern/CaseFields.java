// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.Locale;
import org.lvsa.toolkit.io.Messages;

/** The fields of one case of a document of masks, each refused by its name if it does not fit. */
record CaseFields(JsonNode given) {

  String text(String name) {
    JsonNode value = given.path(name);
    if (!value.isTextual()) {
      throw bad(name, "a text", value);
    }
    return value.textValue();
  }

  int number(String name) {
    JsonNode value = given.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw bad(name, "an integer", value);
    }
    return value.intValue();
  }

  int number(String name, int otherwise) {
    return given.path(name).isMissingNode() || given.path(name).isNull() ? otherwise : number(name);
  }

  long seed(String name) {
    JsonNode value = given.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw bad(name, "an integer of 64 bits", value);
    }
    return value.longValue();
  }

  double real(String name) {
    JsonNode value = given.path(name);
    if (!value.isNumber()) {
      throw bad(name, "a number", value);
    }
    return value.doubleValue();
  }

  /** Whether a field is there and not null. */
  boolean given(String name) {
    return !given.path(name).isMissingNode() && !given.path(name).isNull();
  }

  boolean flag(String name, boolean otherwise) {
    JsonNode value = given.path(name);
    if (!value.isMissingNode() && !value.isBoolean()) {
      throw bad(name, "true or false", value);
    }
    return value.asBoolean(otherwise);
  }

  /** A list of integers. */
  int[] numbers(String name) {
    return numbers(name, given.path(name));
  }

  /** One of several lists of integers. */
  int[] numbers(String name, int index) {
    return numbers(name, given.path(name).path(index));
  }

  private static int[] numbers(String name, JsonNode list) {
    if (!list.isArray() || list.isEmpty()) {
      throw bad(name, "a list of integers", list);
    }
    int[] numbers = new int[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      if (!list.get(i).canConvertToInt() || !list.get(i).isIntegralNumber()) {
        throw bad(name, "a list of integers", list);
      }
      numbers[i] = list.get(i).intValue();
    }
    return numbers;
  }

  /** A list of so many integers. */
  int[] exactly(int count, String name) {
    int[] numbers = numbers(name);
    if (numbers.length != count) {
      throw bad(name, count + " integers", given.path(name));
    }
    return numbers;
  }

  /** A constant of an enum by its name, whatever the case of its letters. */
  <E extends Enum<E>> E choice(String name, Class<E> type) {
    String text = text(name);
    for (E constant : type.getEnumConstants()) {
      if (constant.name().equalsIgnoreCase(text)) {
        return constant;
      }
    }
    throw bad(
        name,
        "one of " + Arrays.toString(type.getEnumConstants()).toLowerCase(Locale.ROOT),
        given.path(name));
  }

  Tile tile(String name) {
    int[] sizes = exactly(3, name);
    return new Tile(sizes[0], sizes[1], sizes[2]);
  }

  /**
   * The video's tokens.
   *
   * @param text the field that counts text tokens; 0 where there is none
   */
  TokenGrid grid(String text) {
    return new TokenGrid(number("T"), number("H"), number("W"), number(text, 0));
  }

  private static IllegalArgumentException bad(String name, String wanted, JsonNode value) {
    return new IllegalArgumentException(
        name
            + " must be "
            + wanted
            + ", got "
            + (value.isMissingNode() ? "nothing" : Messages.cut(value)));
  }
}
