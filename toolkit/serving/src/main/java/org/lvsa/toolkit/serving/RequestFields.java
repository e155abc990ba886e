// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.Resolution;

/**
 * The fields of a request that are given, each checked against its kind. A form's values are texts,
 * those of JSON have types; from here on they are the same.
 */
final class RequestFields {
  private static final int LONGEST_NUMBER = 40;

  private final Map<Field, String> values;

  /** Fields and their values, which are checked here. */
  RequestFields(Map<Field, String> values) {
    this.values = new EnumMap<>(Field.class);
    values.forEach(
        (field, text) -> {
          // An empty input of a form is one that nobody filled in.
          if (!text.isEmpty()) {
            this.values.put(field, text);
          }
        });
    this.values.forEach(this::check);
  }

  /**
   * The fields of a JSON object.
   *
   * @throws ApiException naming a field that nobody knows, or a value that is of another type
   */
  static RequestFields of(JsonNode object, Field.Use use) {
    if (!object.isObject()) {
      throw new ApiException(
          Fault.MALFORMED_BODY, "the body must be a JSON object, got " + Messages.cut(object));
    }
    Map<Field, String> values = new EnumMap<>(Field.class);
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      Field field = named(entry.getKey(), use);
      if (!entry.getValue().isNull()) {
        values.put(field, text(field, entry.getValue()));
      }
    }
    return new RequestFields(values);
  }

  /** The field of a name, or an error that names the nearest. */
  static Field named(String name, Field.Use use) {
    return Field.named(name, use)
        .orElseThrow(
            () ->
                new ApiException(
                    Fault.UNKNOWN_FIELD,
                    Messages.unknown(
                        "field", name, Field.of(use).stream().map(Field::toString).toList()),
                    Messages.cut(name)));
  }

  private static String text(Field field, JsonNode value) {
    boolean fits =
        switch (field.kind().form()) {
          case TEXT -> value.isTextual() || (Field.IGNORED.contains(field) && value.isValueNode());
          case SIZE -> value.isTextual();
          case INTEGER, DECIMAL -> value.isTextual() || value.isNumber();
          case OBJECT, IMAGE -> value.isTextual() || value.isObject();
        };
    if (!fits) {
      throw wrong(field, value.toString());
    }
    return value.isObject() ? value.toString() : value.asText();
  }

  private void check(Field field, String text) {
    switch (field.kind().form()) {
      case TEXT, IMAGE -> {}
      case SIZE -> size(field);
      case INTEGER -> integer(field);
      case DECIMAL -> decimal(field);
      case OBJECT -> object(field);
    }
  }

  private static ApiException wrong(Field field, String text) {
    return new ApiException(
        Fault.INVALID_VALUE,
        field + " must be " + field.kind().words() + ", got " + Messages.cut(text),
        field.toString());
  }

  /** Whether a field is given. */
  boolean has(Field field) {
    return values.containsKey(field);
  }

  /** The fields that are given. */
  Iterable<Field> given() {
    return values.keySet();
  }

  /** A field's text. */
  Optional<String> text(Field field) {
    return Optional.ofNullable(values.get(field));
  }

  /** A field's whole number. */
  OptionalLong integer(Field field) {
    return has(field) ? OptionalLong.of(number(field).longValueExact()) : OptionalLong.empty();
  }

  /** A field's number. */
  OptionalDouble decimal(Field field) {
    return has(field) ? OptionalDouble.of(number(field).doubleValue()) : OptionalDouble.empty();
  }

  private BigDecimal number(Field field) {
    String text = values.get(field);
    Field.Kind kind = field.kind();
    if (!text.matches("[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d{1,3})?")
        || text.length() > LONGEST_NUMBER) {
      throw wrong(field, text);
    }
    BigDecimal value = new BigDecimal(text);
    if (value.compareTo(BigDecimal.valueOf(kind.least())) < 0
        || value.compareTo(BigDecimal.valueOf(kind.most())) > 0) {
      throw wrong(field, text);
    }
    if (kind.form() == Field.Kind.Form.INTEGER) {
      try {
        value.longValueExact();
      } catch (ArithmeticException e) {
        throw wrong(field, text);
      }
    }
    return value;
  }

  /** A field's size. */
  Optional<Resolution> size(Field field) {
    return text(field)
        .map(
            text -> {
              if (!text.matches("[1-9]\\d{0,4}x[1-9]\\d{0,4}")) {
                throw wrong(field, text);
              }
              return Resolution.parse(text);
            });
  }

  /**
   * A field's JSON object.
   *
   * @throws ApiException if it is no JSON, with the place in it
   */
  Optional<JsonNode> object(Field field) {
    return text(field)
        .map(
            text -> {
              JsonNode node;
              try {
                node = Json.parse(text, field.toString());
              } catch (MalformedFileException e) {
                throw new ApiException(Fault.MALFORMED_BODY, e.getMessage(), field.toString());
              }
              if (!node.isObject()) {
                throw new ApiException(
                    Fault.MALFORMED_BODY,
                    field + " must be " + field.kind().words() + ", got " + Messages.cut(text),
                    field.toString());
              }
              return node;
            });
  }

  /** These fields, and those of {@code others} that are not given here. */
  RequestFields or(RequestFields others) {
    Map<Field, String> all = new EnumMap<>(Field.class);
    all.putAll(others.values);
    all.putAll(values);
    return new RequestFields(all);
  }
}
