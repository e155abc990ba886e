// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * Changes a published configuration key by key and looks what its reader does: a value must change
 * what is read, or be refused by the key's name. What does neither is ignored, and must be among
 * the keys that are known to do nothing.
 */
public final class ConfigKeys {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private ConfigKeys() {}

  /**
   * Checks every key of a file, and one that nobody knows.
   *
   * @param file as published; it is written anew and put back
   * @param read what the product reads it with
   * @param withoutEffect the keys that may be ignored
   */
  public static void check(Path file, Function<Path, ?> read, Set<String> withoutEffect)
      throws IOException {
    byte[] published = Files.readAllBytes(file);
    ObjectNode root = (ObjectNode) new ObjectMapper().readTree(published);
    Object plain = read.apply(file);
    Set<String> ignored = new TreeSet<>();
    List<String> keys = new ArrayList<>();
    root.fieldNames().forEachRemaining(keys::add);
    keys.add("sparse_attention_of_tomorrow");
    keys.remove("_diffusers_version");
    for (String key : keys) {
      for (JsonNode other : others(root.path(key))) {
        Files.writeString(file, root.deepCopy().<ObjectNode>set(key, other).toString());
        if (!other.equals(root.path(key)) && isIgnored(file, keys, read, plain)) {
          ignored.add(key);
        }
      }
    }
    Files.write(file, published);
    assertEquals(new TreeSet<>(withoutEffect), ignored, file + ": keys that change nothing");
  }

  /** A key may also be refused as what does not fit to another one, which is named then. */
  private static boolean isIgnored(
      Path file, List<String> keys, Function<Path, ?> read, Object plain) {
    try {
      return read.apply(file).equals(plain);
    } catch (MalformedFileException e) {
      String said = e.getMessage();
      assertTrue(said.startsWith(file.toString()) || said.contains(file + ": "), said);
      assertTrue(keys.stream().anyMatch(key -> inWords(said).contains(inWords(key))), said);
      assertEquals(1, said.lines().count(), said);
      return false;
    }
  }

  private static String inWords(String text) {
    return text.replace("_class_name", "class").replace('_', ' ');
  }

  /** Values of the same kind and of others. */
  private static List<JsonNode> others(JsonNode value) {
    List<JsonNode> others = new ArrayList<>();
    if (value.isBoolean()) {
      others.add(JSON.booleanNode(!value.booleanValue()));
    } else if (value.isIntegralNumber()) {
      others.add(JSON.numberNode(value.longValue() + 1));
      others.add(JSON.numberNode(value.longValue() * 4 + 16));
      others.add(JSON.numberNode(-1));
    } else if (value.isNumber()) {
      others.add(JSON.numberNode(value.doubleValue() / 2 + 0.25));
      others.add(JSON.numberNode(-0.5));
    } else if (value.isArray()) {
      others.add(JSON.arrayNode());
      others.add(JSON.arrayNode().add("another"));
    } else {
      others.add(JSON.numberNode(3));
      others.add(JSON.booleanNode(true));
    }
    if (!value.isTextual()) {
      others.add(JSON.textNode("another"));
    } else {
      others.add(JSON.textNode(value.textValue() + "_of_another_kind"));
    }
    return others;
  }
}
