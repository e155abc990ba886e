// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;

/**
 * The files of a component's weights: a safetensors file, or a folder. In a folder the first of
 * these is taken: the shards that {@code diffusion_pytorch_model.safetensors.index.json} (or {@code
 * model.…}, of text encoders) names, the one file {@code diffusion_pytorch_model.safetensors} (or
 * {@code model.safetensors}), or all safetensors files, in natural order.
 */
final class WeightFolder {
  private static final String ENDING = ".safetensors";
  private static final List<String> NAMES = List.of("diffusion_pytorch_model", "model");

  /** The scale of a tensor {@code ….weight} of 8 bits, as programs for single files name it. */
  private static final Pattern SCALE =
      Pattern.compile("(?:.*\\.)?(scale_weight|weight_scale|weight_scale_inv)");

  private final Path place;
  private final List<Path> files;

  /** Tensor → the name of its shard, as an index has it; empty without an index. */
  private final Map<String, String> shards;

  private WeightFolder(Path place, List<Path> files, Map<String, String> shards) {
    this.place = place;
    this.files = files;
    this.shards = shards;
  }

  /** Whether there are weights, or what stands for them: a file, or safetensors in a folder. */
  static boolean has(Path place) {
    return Files.isRegularFile(place) || list(place).stream().anyMatch(WeightFolder::isWeights);
  }

  private static boolean isWeights(Path file) {
    return file.toString().endsWith(ENDING);
  }

  private static List<Path> list(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Finds a component's weights.
   *
   * @param place a folder, or a safetensors file
   * @throws MalformedFileException if there are none, or the index is malformed
   */
  static WeightFolder of(Path place) {
    for (String name : NAMES) {
      Path index = place.resolve(name + ENDING + ".index.json");
      if (Files.exists(index)) {
        Map<String, String> shards = shards(index);
        List<Path> files =
            shards.values().stream()
                .distinct()
                .sorted(new NaturalOrder())
                .map(place::resolve)
                .toList();
        return new WeightFolder(place, files, shards);
      }
    }
    return new WeightFolder(place, withoutIndex(place), Map.of());
  }

  /** The files, in natural order. */
  List<Path> files() {
    return files;
  }

  /**
   * Maps each tensor for as long as {@code arena} lives. What a shard holds beyond the index is
   * among them too, so that a check names it.
   *
   * @throws MalformedFileException if a file is missing or broken, lacks what the index says, or
   *     holds what another one holds too
   */
  Map<String, WeightTensor> read(Arena arena) {
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (Path file : files) {
      Map<String, WeightTensor> held = file(file, arena);
      String shard = file.getFileName().toString();
      shards.forEach(
          (name, home) -> {
            if (home.equals(shard) && !held.containsKey(name)) {
              throw new MalformedFileException(
                  place + ": the index says that " + name + " is in " + shard + ", which lacks it");
            }
          });
      held.forEach(
          (name, tensor) -> {
            boolean elsewhere = !shards.getOrDefault(name, shard).equals(shard);
            if (!elsewhere && tensors.putIfAbsent(name, tensor) != null && shards.isEmpty()) {
              throw new MalformedFileException(
                  file + ": holds the tensor " + name + ", which a file before it holds too");
            }
          });
    }
    tensors.keySet().forEach(this::refuseScale);
    return tensors;
  }

  /**
   * Refuses numbers that other programs multiply weights with: without them the weights are other
   * ones, and nobody would notice.
   */
  private void refuseScale(String name) {
    Matcher scale = SCALE.matcher(name);
    if (scale.matches()) {
      String last = scale.group(1);
      throw new MalformedFileException(
          place
              + ": holds weights whose scales are tensors of their own ("
              + name
              + "), which are not read; multiply them once, in Python: w ="
              + " safetensors.torch.load_file(\"FILE\"); safetensors.torch.save_file({k: v.float() *"
              + " w.get(k[:-6] + \""
              + last
              + "\", 1) if k.endswith(\"weight\") else v for k, v in w.items() if not"
              + " k.endswith((\""
              + last
              + "\", \"input_scale\", \"scale_input\", \"scaled_fp8\"))}, \"model.safetensors\")");
    }
  }

  private static List<Path> withoutIndex(Path place) {
    if (Files.isRegularFile(place)) {
      if (!place.toString().endsWith(ENDING)) {
        throw new MalformedFileException(
            place + ": weights must be a .safetensors file" + howToConvert(List.of(place)));
      }
      return List.of(place);
    }
    if (!Files.isDirectory(place)) {
      throw new MalformedFileException(place + ": no such folder");
    }
    for (String name : NAMES) {
      Path file = place.resolve(name + ENDING);
      if (Files.exists(file)) {
        return List.of(file);
      }
    }
    List<Path> all = new ArrayList<>(list(place));
    all.sort(Comparator.comparing(file -> file.getFileName().toString(), new NaturalOrder()));
    List<Path> weights = all.stream().filter(WeightFolder::isWeights).toList();
    if (weights.isEmpty()) {
      throw new MalformedFileException(
          place
              + ": no weights: neither diffusion_pytorch_model.safetensors nor model.safetensors"
              + " nor an index (….safetensors.index.json) nor other .safetensors files"
              + howToConvert(all));
    }
    return weights;
  }

  /** Pickled files hold programs that run when they are read, so they are not read. */
  private static String howToConvert(List<Path> files) {
    return files.stream()
        .map(Path::getFileName)
        .map(Path::toString)
        .filter(name -> name.matches(".*\\.(bin|pth|pt|ckpt)"))
        .findFirst()
        .map(
            name ->
                "; "
                    + name
                    + " is pickled and must be converted to safetensors, in Python:"
                    + " safetensors.torch.save_file(torch.load(\""
                    + name
                    + "\", weights_only=True), \"model.safetensors\")")
        .orElse("");
  }

  /** Tensor → the name of its shard, as an index has it. */
  private static Map<String, String> shards(Path index) {
    JsonNode map = Json.read(index).path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw new MalformedFileException(
          index + ": weight_map must be an object of tensor names and file names");
    }
    Map<String, String> shards = new TreeMap<>();
    map.properties()
        .forEach(
            entry ->
                shards.put(entry.getKey(), shardName(index, entry.getKey(), entry.getValue())));
    return shards;
  }

  /** A shard's file name, which must name a file beside the index and nothing else. */
  private static String shardName(Path index, String tensor, JsonNode value) {
    String name = value.isTextual() ? value.textValue() : "";
    if (!name.endsWith(ENDING) || !name.matches("[^/\\\\:\\x00]+")) {
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
      tensors.put(name, new WeightTensor(name, info.type(), info.shape(), file.data(name)));
    }
    return tensors;
  }
}
