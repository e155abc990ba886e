// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The one strict reader of JSON that users give, and the mapper that writes JSON.
 *
 * <p>Refused, with the file, the line and the column: duplicate keys, text after the value, an
 * empty text, bytes that are not UTF-8, and {@code \ud800} escapes without their other half.
 */
public final class Json {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private static final JsonMapper WITH_NON_NUMBERS =
      MAPPER.rebuild().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();

  private static final Pattern SURROGATE_ESCAPE = Pattern.compile("\\\\u[dD][89a-fA-F]");

  private Json() {}

  /** The mapper with the strict settings, for writing and for JSON of the project's own. */
  public static JsonMapper mapper() {
    return MAPPER;
  }

  /** A new object to fill. */
  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** A new array to fill. */
  public static ArrayNode array() {
    return MAPPER.createArrayNode();
  }

  /**
   * Reads a file.
   *
   * @throws MalformedFileException if the file is missing, unreadable or no strict JSON
   */
  public static JsonNode read(Path file) {
    return parse(text(file), file.toString());
  }

  /**
   * Reads a file into a record or class.
   *
   * @throws MalformedFileException as {@link #read(Path)}, or naming the field that does not fit
   */
  public static <T> T read(Path file, Class<T> type) {
    return convert(read(file), type, file.toString());
  }

  /**
   * A tree as a record or class.
   *
   * @param place what the message of an error begins with, such as the file's path
   * @throws MalformedFileException naming the field that does not fit
   */
  public static <T> T convert(JsonNode node, Class<T> type, String place) {
    try {
      T value = MAPPER.treeToValue(node, type);
      if (value == null) {
        throw new MalformedFileException(place + ": must not be null");
      }
      return value;
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(place + ": " + field(e) + wording(e), e);
    }
  }

  /** Reads a text. As {@link #parse(String, String, int)} from line 1 on. */
  public static JsonNode parse(String text, String place) {
    return parse(text, place, 1);
  }

  /**
   * Reads a text.
   *
   * @param place what the message of an error begins with: a file's path, a variable's name
   * @param firstLine number of the text's first line in its file: more than 1 in a file with one
   *     JSON value per line
   * @throws MalformedFileException with place, line and column if the text is no strict JSON
   */
  public static JsonNode parse(String text, String place, int firstLine) {
    return parse(MAPPER, text, place, firstLine);
  }

  /**
   * Reads a file in which numbers may be {@code NaN}, {@code Infinity} and {@code -Infinity}, as
   * Python writes them. Otherwise as {@link #read(Path)}.
   */
  public static JsonNode readWithNonNumbers(Path file) {
    return parseWithNonNumbers(text(file), file.toString());
  }

  /**
   * Reads a text in which numbers may be {@code NaN}, {@code Infinity} and {@code -Infinity}, as
   * Python writes them. Otherwise as {@link #parse(String, String)}.
   */
  public static JsonNode parseWithNonNumbers(String text, String place) {
    return parse(WITH_NON_NUMBERS, text, place, 1);
  }

  private static JsonNode parse(JsonMapper mapper, String text, String place, int firstLine) {
    try {
      refuseHalfCharacters(mapper, text, place, firstLine);
      JsonNode node = mapper.readTree(text);
      if (node == null || node.isMissingNode()) {
        throw new MalformedFileException(
            at(place, firstLine, 1) + ": nothing there, JSON was expected");
      }
      return node;
    } catch (JsonProcessingException e) {
      JsonLocation where = e.getLocation();
      throw new MalformedFileException(
          (where == null
                  ? place
                  : at(place, firstLine - 1 + where.getLineNr(), where.getColumnNr()))
              + ": not valid JSON: "
              + wording(e),
          e);
    } catch (IOException e) {
      throw new MalformedFileException(place + ": cannot be read: " + Messages.reason(e), e);
    }
  }

  /**
   * The text of a UTF-8 file.
   *
   * @throws MalformedFileException if the file is missing or unreadable, or with line and column if
   *     its bytes are not UTF-8
   */
  public static String text(Path file) {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new MalformedFileException(file + ": not a regular file");
    }
    try {
      return text(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new MalformedFileException(file + ": cannot be read: " + Messages.reason(e), e);
    } catch (OutOfMemoryError e) {
      throw new MalformedFileException(file + ": too large to be read as text", e);
    }
  }

  /**
   * UTF-8 bytes as text.
   *
   * @throws MalformedFileException with place, line and column if the bytes are not UTF-8
   */
  public static String text(byte[] utf8, String place) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    try {
      return decoder.decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      ByteBuffer rest = ByteBuffer.wrap(utf8);
      CharBuffer before = CharBuffer.allocate(utf8.length);
      CoderResult result = decoder.reset().decode(rest, before, true);
      String read = before.flip().toString();
      int line = 1 + (int) read.chars().filter(c -> c == '\n').count();
      int column = read.length() - read.lastIndexOf('\n');
      String bytes =
          result.isMalformed()
              ? HexFormat.ofDelimiter(" ")
                  .formatHex(utf8, rest.position(), rest.position() + result.length())
              : "cut off";
      throw new MalformedFileException(
          at(place, line, column) + ": not UTF-8 text (bytes " + bytes + ")", e);
    }
  }

  private static String at(String place, long line, long column) {
    return place + ", line " + line + ", column " + column;
  }

  /** Escapes may name half of a surrogate pair, which no character is. */
  private static void refuseHalfCharacters(
      JsonMapper mapper, String text, String place, int firstLine) throws IOException {
    if (StandardCharsets.UTF_8.newEncoder().canEncode(text)
        && !SURROGATE_ESCAPE.matcher(text).find()) {
      return;
    }
    try (JsonParser parser = mapper.createParser(text)) {
      for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
        boolean isText = token == JsonToken.VALUE_STRING || token == JsonToken.FIELD_NAME;
        if (isText && !StandardCharsets.UTF_8.newEncoder().canEncode(parser.getText())) {
          JsonLocation where = parser.currentTokenLocation();
          throw new MalformedFileException(
              at(place, firstLine - 1 + where.getLineNr(), where.getColumnNr())
                  + ": half of a surrogate pair in "
                  + Messages.cut(parser.getText()));
        }
      }
    }
  }

  private static String field(JsonProcessingException e) {
    if (!(e instanceof JsonMappingException mapping) || mapping.getPath().isEmpty()) {
      return "";
    }
    return mapping.getPath().stream()
            .map(
                part ->
                    part.getFieldName() == null ? "[" + part.getIndex() + "]" : part.getFieldName())
            .collect(Collectors.joining("."))
        + ": ";
  }

  private static String wording(JsonProcessingException e) {
    String message = e.getOriginalMessage();
    if (message.startsWith("Trailing token")) {
      return "text after the end of the value";
    }
    return Messages.cut(
        message
            .replaceAll("\\[Source: [^;\\]]*; ", "[")
            // These count lines from the text's beginning, which may be a line of a longer file.
            .replaceAll("\\s*\\((?:for \\w+ starting|start marker) at [^)]*\\)", "")
            .replaceAll("\\s*\\(class [^)]*\\)", "")
            .replaceAll(" \\(through reference chain: .*", "")
            .replaceAll("`java\\.(lang|util)\\.([A-Za-z]+)[^`]*`", "$2")
            .replaceAll("`org\\.lvsa\\.[a-z.]*([A-Za-z.]+)`", "$1"));
  }
}
