// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;

/**
 * A component's folder in the format of Hugging Face diffusers: {@code
 * diffusion_pytorch_model.safetensors} (or {@code model.safetensors} for text encoders), or several
 * shards with an {@code ….safetensors.index.json} that says which shard holds which tensor. The
 * index goes first where both are present.
 */
final class WeightFolder {
  private static final List<String> NAMES = List.of("diffusion_pytorch_model", "model");

  private WeightFolder() {}

  /** Maps each tensor of the folder for as long as {@code arena} lives. */
  static Map<String, WeightTensor> read(Path folder, Arena arena) {
    if (!Files.isDirectory(folder)) {
      throw new MalformedFileException(folder + ": no such folder");
    }
    for (String name : NAMES) {
      Path index = folder.resolve(name + ".safetensors.index.json");
      if (Files.exists(index)) {
        return shards(index, arena);
      }
      Path file = folder.resolve(name + ".safetensors");
      if (Files.exists(file)) {
        return file(file, arena);
      }
    }
    throw new MalformedFileException(
        folder
            + ": no weights: neither diffusion_pytorch_model.safetensors nor model.safetensors"
            + " nor an index (….safetensors.index.json)"
            + pickled(folder));
  }

  private static String pickled(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.anyMatch(file -> file.toString().matches(".*\\.(bin|pth|pt)"))
          ? "; the weights there are pickled (.bin, .pth) and must be converted to safetensors"
          : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, WeightTensor> shards(Path index, Arena arena) {
    JsonNode root = Json.read(index);
    JsonNode map = root.path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw new MalformedFileException(
          index + ": weight_map must be an object of tensor names and file names");
    }
    Map<String, Map<String, WeightTensor>> shards = new HashMap<>();
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      String shard = shardName(index, entry.getKey(), entry.getValue());
      WeightTensor tensor =
          shards
              .computeIfAbsent(shard, name -> file(index.resolveSibling(name), arena))
              .get(entry.getKey());
      if (tensor == null) {
        throw new MalformedFileException(
            index + ": says that " + entry.getKey() + " is in " + shard + ", which lacks it");
      }
      tensors.put(entry.getKey(), tensor);
    }
    // What a shard holds beyond the index is listed too, so that a strict check names it.
    shards.values().forEach(shard -> shard.forEach(tensors::putIfAbsent));
    return tensors;
  }

  /** A shard's file name, which must name a file beside the index and nothing else. */
  private static String shardName(Path index, String tensor, JsonNode value) {
    String name = value.isTextual() ? value.textValue() : "";
    if (!name.endsWith(".safetensors") || !name.matches("[^/\\\\:\\x00]+")) {
      throw new MalformedFileException(
          index
              + ": the shard of "
              + tensor
              + " must be the plain name of a .safetensors file beside it, got "
              + Messages.cut(value.toString()));
    }
    return name;
  }

  private static Map<String, WeightTensor> file(Path path, Arena arena) {
    Safetensors file = Safetensors.open(path, arena);
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (String name : file.names()) {
      TensorInfo info = file.info(name);
      tensors.put(name, new WeightTensor(name, info.dtype(), info.shape(), file.data(name)));
    }
    return tensors;
  }
}
