// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.lvsa.toolkit.tensor.TensorType;

/**
 * The names and shapes of all tensors of a published model at its true size: facts that were listed
 * by building the publisher's own classes without memory. The resources under {@code checkpoints}
 * have them, each with its source; <code>{0-39}</code> in a name stands for each of these numbers.
 */
public final class PublishedNames {
  private static final Pattern NUMBERS = Pattern.compile("\\{(\\d+)-(\\d+)}");

  private final JsonNode root;
  private final Map<String, List<Long>> shapes = new TreeMap<>();

  private PublishedNames(JsonNode root) {
    this.root = root;
    root.path("tensors")
        .properties()
        .forEach(
            entry -> {
              List<Long> shape = new ArrayList<>();
              entry.getValue().forEach(size -> shape.add(size.asLong()));
              expanded(entry.getKey()).forEach(name -> shapes.put(name, shape));
            });
    if (shapes.size() != root.path("count").asInt()) {
      throw new IllegalStateException(root.path("what") + ": the list has gaps");
    }
  }

  /** Reads a list, such as {@code original/wan21-vae}. */
  public static PublishedNames read(String name) throws IOException {
    try (InputStream in =
        PublishedNames.class.getResourceAsStream("/checkpoints/" + name + ".json")) {
      return new PublishedNames(new ObjectMapper().readTree(in));
    }
  }

  private static List<String> expanded(String name) {
    Matcher matcher = NUMBERS.matcher(name);
    if (!matcher.find()) {
      return List.of(name);
    }
    return IntStream.rangeClosed(
            Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)))
        .mapToObj(n -> matcher.replaceFirst(Integer.toString(n)))
        .flatMap(one -> expanded(one).stream())
        .toList();
  }

  /**
   * Writes a safetensors file of the true size whose numbers are all zero, which takes no space on
   * a disk that leaves out what was never written.
   *
   * @param prefix before each name, as single files have it
   */
  private Path write(Path file, String prefix, TensorType type) throws IOException {
    Map<String, List<Long>> prefixed = new TreeMap<>();
    shapes.forEach((name, shape) -> prefixed.put(prefix + name, shape));
    TestWeights.Header header = TestWeights.header(prefixed, name -> type);
    Files.deleteIfExists(file);
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.write(header.start());
      out.setLength(header.start().length + header.dataBytes());
    }
    return file;
  }

  /**
   * The folder of a component with its {@code config.json}, whose weights are such a file.
   *
   * @param prefix before each name, as single files have it
   */
  public ComponentFiles component(Path folder, String prefix) throws IOException {
    Files.writeString(folder.resolve("config.json"), root.path("config").toString());
    return new ComponentFiles(
        folder, write(folder.resolve("single.safetensors"), prefix, TensorType.BF16));
  }
}
