// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The tensors of a checkpoint, memory-mapped: one safetensors file, or an index and its shards. */
public final class Weights implements AutoCloseable {
  private final Arena arena;
  private final Path path;
  private final Map<String, Safetensors> files = new TreeMap<>();

  /**
   * Opens a file, or a directory with a file or an index in it.
   *
   * @throws MalformedFileException if a file is missing or broken, or the index names a tensor that
   *     its shard does not hold, or a shard that is not a file beside the index
   */
  public Weights(Path path) {
    this(path, Arena.ofShared());
  }

  /** As the public constructor, in an arena that is closed here, also if opening fails. */
  Weights(Path path, Arena arena) {
    this.path = path;
    this.arena = arena;
    try {
      open(path);
    } catch (IOException e) {
      arena.close();
      throw new UncheckedIOException(
          new IOException("cannot read the weights in " + path + ": " + Messages.reason(e), e));
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private void open(Path given) throws IOException {
    Path file = given;
    if (Files.isDirectory(given)) {
      file = only(given, ".safetensors.index.json");
      file = file == null ? only(given, ".safetensors") : file;
      if (file == null) {
        throw new MalformedFileException(given + ": no safetensors file and no index in it");
      }
    }
    if (!file.toString().endsWith(".index.json")) {
      Safetensors one = Safetensors.open(file, arena);
      one.names().forEach(name -> files.put(name, one));
      return;
    }
    JsonNode map = Json.read(file).path("weight_map");
    if (!map.isObject()) {
      throw new MalformedFileException(
          file + ": needs an object weight_map with the shard of every tensor");
    }
    Map<String, Safetensors> shards = new HashMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      Path shard = shard(file, entry.getKey(), entry.getValue());
      Safetensors opened =
          shards.computeIfAbsent(shard.toString(), s -> Safetensors.open(Path.of(s), arena));
      if (!opened.has(entry.getKey())) {
        throw new MalformedFileException(
            file
                + ": says that "
                + Messages.cut(entry.getKey())
                + " is in "
                + shard
                + ", which lacks it");
      }
      files.put(entry.getKey(), opened);
    }
  }

  /** A shard lies beside its index: a path that leads elsewhere is never followed. */
  private static Path shard(Path index, String tensor, JsonNode name) {
    String text = name.asText();
    boolean plain =
        name.isTextual()
            && !text.isEmpty()
            && !text.equals(".")
            && !text.equals("..")
            && text.chars().noneMatch(c -> c == '/' || c == '\\' || c == 0);
    if (!plain) {
      throw new MalformedFileException(
          index
              + ": the shard of "
              + Messages.cut(tensor)
              + " must be the name of a file beside the index, got "
              + Messages.cut(name));
    }
    return index.resolveSibling(text);
  }

  private static Path only(Path directory, String end) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.filter(p -> p.toString().endsWith(end)).sorted().findFirst().orElse(null);
    }
  }

  /**
   * Reads the attention tensors of a block as float32. Other tensors of the checkpoint, such as
   * feed-forward layers and modulation, are ignored.
   *
   * @param prefix what the names of the block's tensors start with: {@code blocks.0.}
   * @param shapes name after the prefix and shape of every tensor that the block's attention needs
   * @throws MalformedFileException naming a tensor that is missing, one of the same module ({@code
   *     attn1}) that nobody asked for, or one whose shape is another
   */
  public Map<String, INDArray> block(String prefix, Map<String, long[]> shapes) {
    Set<String> modules =
        shapes.keySet().stream().map(Weights::module).collect(Collectors.toUnmodifiableSet());
    for (String name : files.keySet()) {
      if (name.startsWith(prefix)) {
        String inBlock = name.substring(prefix.length());
        if (modules.contains(module(inBlock)) && !shapes.containsKey(inBlock)) {
          throw new MalformedFileException(path + ": unexpected tensor " + name);
        }
      }
    }
    Map<String, INDArray> tensors = new LinkedHashMap<>();
    shapes.forEach((name, shape) -> tensors.put(name, tensor(prefix + name, shape)));
    return tensors;
  }

  private static String module(String name) {
    return name.substring(0, Math.max(name.indexOf('.'), 0));
  }

  private INDArray tensor(String name, long[] shape) {
    Safetensors file = files.get(name);
    if (file == null) {
      throw new MalformedFileException(path + ": missing tensor " + name);
    }
    TensorInfo info = file.info(name);
    List<Long> wanted = Arrays.stream(shape).boxed().toList();
    if (!info.shape().equals(wanted)) {
      throw new MalformedFileException(
          path + ": tensor " + name + " must be " + wanted + ", got " + info.shape());
    }
    INDArray tensor = Nd4j.createUninitialized(DataType.FLOAT, shape);
    var to = NdMemory.view(tensor);
    var from = file.data(name);
    for (long i = 0; i < tensor.length(); i++) {
      DType.F32.set(to, i, info.dtype().get(from, i));
    }
    return tensor;
  }

  @Override
  public void close() {
    arena.close();
  }
}
