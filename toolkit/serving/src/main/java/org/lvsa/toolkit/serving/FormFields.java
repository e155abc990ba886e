// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.EnumMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * The texts of a form, by field. A field that is an object may come as one text of JSON, or as
 * OpenAI's clients send it, each entry under a name of its own: {@code input_reference[image_url]}.
 */
final class FormFields {
  private static final Pattern ENTRY = Pattern.compile("([a-z0-9_]+)\\[([^\\[\\]]+)\\]");

  private final Map<Field, String> texts = new EnumMap<>(Field.class);
  private final Map<Field, ObjectNode> objects = new EnumMap<>(Field.class);

  /** A field that stands in a request more often than it may. */
  static ApiException twice(Field field) {
    return new ApiException(
        Fault.INVALID_VALUE, field + " is given more than once", field.toString());
  }

  /**
   * Takes a part of the form.
   *
   * @throws ApiException naming a field that nobody knows, or that was there before
   */
  void add(String name, String text) {
    Matcher entry = ENTRY.matcher(name);
    Field field = RequestFields.named(entry.matches() ? entry.group(1) : name, Field.Use.VIDEO);
    if (!entry.matches()) {
      if (texts.put(field, text) != null || objects.containsKey(field)) {
        throw twice(field);
      }
      return;
    }
    if (!field.kind().isObject()) {
      throw new ApiException(Fault.UNKNOWN_FIELD, field + " has no entries, got " + name, name);
    }
    ObjectNode object = objects.computeIfAbsent(field, first -> Json.object());
    if (object.has(entry.group(2)) || texts.containsKey(field)) {
      throw twice(field);
    }
    object.set(entry.group(2), value(text));
  }

  /**
   * Numbers, truths and objects as such: a form has texts alone, an object's entries have types.
   */
  private static JsonNode value(String text) {
    try {
      return Json.parse(text, "entry");
    } catch (MalformedFileException e) {
      return TextNode.valueOf(text);
    }
  }

  /** The texts; those of objects are JSON. */
  Map<Field, String> values() {
    Map<Field, String> all = new EnumMap<>(texts);
    objects.forEach((field, object) -> all.put(field, object.toString()));
    return all;
  }
}
