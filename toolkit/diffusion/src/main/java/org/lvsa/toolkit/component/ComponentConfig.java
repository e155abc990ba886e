// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.component;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * The JSON file of one component of a published model folder ({@code scheduler_config.json}, {@code
 * config.json}), read strictly.
 *
 * <p>A reader asks for every setting that it knows and then calls {@link #finish}, which refuses a
 * setting that nobody asked for: such a setting would otherwise change nothing without a word.
 * Every error names the file, the key, the value and what is allowed.
 */
public final class ComponentConfig {
  private static final int LONGEST_VALUE = 200;
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private final Path file;
  private final JsonNode root;
  private final Set<String> asked = new HashSet<>();

  private ComponentConfig(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  /**
   * Reads a component's file.
   *
   * @throws MalformedFileException if the file is missing, is no JSON object or names no class
   */
  public static ComponentConfig read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(file + ": no such file");
    }
    try {
      JsonNode root = JSON.readTree(Files.readAllBytes(file));
      if (root == null || !root.isObject()) {
        throw new MalformedFileException(file + ": must hold one JSON object");
      }
      ComponentConfig config = new ComponentConfig(file, root);
      config.className();
      return config;
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(
          file
              + ": not valid JSON at line "
              + (e.getLocation() == null ? 1 : e.getLocation().getLineNr())
              + ": "
              + cut(e.getOriginalMessage()));
    } catch (IOException e) {
      throw new MalformedFileException(file + ": cannot be read: " + e.getMessage());
    }
  }

  /** Where the file is. */
  public Path file() {
    return file;
  }

  /** The class that the file names under {@code _class_name}. */
  public String className() {
    JsonNode name = root.get("_class_name");
    if (name == null || !name.isTextual()) {
      throw new MalformedFileException(
          file + ": needs _class_name, the name of the component's class");
    }
    return name.textValue();
  }

  /** The error for a class that a reader does not know. */
  public MalformedFileException unknownClass(List<String> known) {
    return new MalformedFileException(
        file
            + ": _class_name is "
            + cut(className())
            + ", which is not known; known are "
            + String.join(", ", known));
  }

  /** A whole number of at least {@code least}; {@code otherwise} where it is absent or null. */
  public int integer(String key, int otherwise, int least) {
    return value(
        key,
        otherwise,
        node -> node.canConvertToInt() && node.isIntegralNumber() && node.intValue() >= least,
        JsonNode::intValue,
        "a whole number of at least " + least);
  }

  /** A finite number; {@code otherwise} where it is absent or null. */
  public double number(String key, double otherwise) {
    return value(
        key,
        otherwise,
        node -> node.isNumber() && Double.isFinite(node.doubleValue()),
        JsonNode::doubleValue,
        "a number");
  }

  /** A number above zero; {@code otherwise} where it is absent or null. */
  public double positive(String key, double otherwise) {
    return value(
        key,
        otherwise,
        node -> node.isNumber() && node.doubleValue() > 0 && Double.isFinite(node.doubleValue()),
        JsonNode::doubleValue,
        "a number above 0");
  }

  /** True or false; {@code otherwise} where it is absent or null. */
  public boolean flag(String key, boolean otherwise) {
    return value(key, otherwise, JsonNode::isBoolean, JsonNode::booleanValue, "true or false");
  }

  /** One of the supported words; {@code otherwise} where it is absent or null. */
  public String choice(String key, String otherwise, String... supported) {
    List<String> words = List.of(supported);
    return value(
        key,
        otherwise,
        node -> node.isTextual() && words.contains(node.textValue()),
        JsonNode::textValue,
        String.join(" or ", words));
  }

  /** Whole numbers; {@code otherwise} where the list is absent or null. */
  public List<Integer> integers(String key, List<Integer> otherwise) {
    return value(
        key,
        otherwise,
        node -> node.isArray() && all(node, e -> e.isIntegralNumber() && e.canConvertToInt()),
        node -> list(node, JsonNode::intValue),
        "a list of whole numbers");
  }

  /** Finite numbers; {@code otherwise} where the list is absent or null. */
  public List<Double> numbers(String key, List<Double> otherwise) {
    return value(
        key,
        otherwise,
        node -> node.isArray() && all(node, e -> e.isNumber() && Double.isFinite(e.doubleValue())),
        node -> list(node, JsonNode::doubleValue),
        "a list of numbers");
  }

  /** Truth values; {@code otherwise} where the list is absent or null. */
  public List<Boolean> flags(String key, List<Boolean> otherwise) {
    return value(
        key,
        otherwise,
        node -> node.isArray() && all(node, JsonNode::isBoolean),
        node -> list(node, JsonNode::booleanValue),
        "a list of true and false");
  }

  /** Refuses every value of a setting but one; an absent setting and null pass. */
  public void only(String key, String supported) {
    value(
        key,
        supported,
        node -> node.asText().equals(supported),
        JsonNode::asText,
        supported + " only");
  }

  /** Like {@link #only} for a setting whose absence means another value. */
  public void must(String key, String supported) {
    only(key, supported);
    JsonNode node = root.get(key);
    if (node == null || node.isNull()) {
      throw refuse(key, supported + " only");
    }
  }

  /** Settings that are known and that change nothing here. */
  public void withoutEffect(String... keys) {
    asked.addAll(Arrays.asList(keys));
  }

  /**
   * Refuses settings that nobody asked for. Those that are null or false ask for nothing themselves
   * and pass, as do names that begin with an underscore, which are notes of the writing program.
   */
  public void finish() {
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      JsonNode value = entry.getValue();
      boolean silent = value.isNull() || value.isBoolean() && !value.booleanValue();
      if (!silent && !entry.getKey().startsWith("_") && !asked.contains(entry.getKey())) {
        throw new MalformedFileException(
            file
                + ": setting "
                + cut(entry.getKey())
                + " = "
                + cut(value.toString())
                + " is not known for "
                + cut(className())
                + "; known are "
                + String.join(", ", asked.stream().sorted().toList()));
      }
    }
  }

  /** The error for a value that fails a rule of more than one setting. */
  public MalformedFileException refuse(String key, String allowed) {
    return new MalformedFileException(
        file
            + ": "
            + key
            + " is "
            + cut(String.valueOf(root.get(key)))
            + ", supported is "
            + allowed);
  }

  private <T> T value(
      String key,
      T otherwise,
      Predicate<JsonNode> allowed,
      Function<JsonNode, T> as,
      String words) {
    asked.add(key);
    JsonNode node = root.get(key);
    if (node == null || node.isNull()) {
      return otherwise;
    }
    if (!allowed.test(node)) {
      throw refuse(key, words);
    }
    return as.apply(node);
  }

  private static boolean all(JsonNode array, Predicate<JsonNode> allowed) {
    for (JsonNode element : array) {
      if (!allowed.test(element)) {
        return false;
      }
    }
    return true;
  }

  private static <T> List<T> list(JsonNode array, Function<JsonNode, T> as) {
    List<T> list = new ArrayList<>();
    array.forEach(element -> list.add(as.apply(element)));
    return List.copyOf(list);
  }

  private static String cut(String text) {
    return text.length() <= LONGEST_VALUE ? text : text.substring(0, LONGEST_VALUE) + "…";
  }
}
