// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * The {@code config.json} of a component, read strictly: a value that is missing, of another kind
 * or not supported is named together with what is. Keys that nobody asks for are left alone, since
 * published files carry many that only matter for training, unless {@link #finish} is called.
 */
public final class ComponentConfig {
  /**
   * Keys that transformers writes for every kind of model and that do nothing to the states of an
   * encoder: about training, about generating text, about the program that wrote the file.
   */
  private static final Set<String> OF_ANY_ENCODER =
      Set.of(
          "architectures",
          "attn_implementation",
          "bos_token_id",
          "chunk_size_feed_forward",
          "decoder_start_token_id",
          "diversity_penalty",
          "dtype",
          "encoder_no_repeat_ngram_size",
          "eos_token_id",
          "gradient_checkpointing",
          "id2label",
          "initializer_factor",
          "initializer_range",
          "is_encoder_decoder",
          "label2id",
          "length_penalty",
          "max_length",
          "min_length",
          "model_type",
          "no_repeat_ngram_size",
          "num_beam_groups",
          "num_beams",
          "num_return_sequences",
          "output_past",
          "pad_token_id",
          "problem_type",
          "pruned_heads",
          "repetition_penalty",
          "return_dict",
          "sep_token_id",
          "task_specific_params",
          "temperature",
          "tie_word_embeddings",
          "tokenizer_class",
          "top_k",
          "top_p",
          "torch_dtype",
          "transformers_version",
          "typical_p",
          "use_cache");

  private final Path file;
  private final JsonNode root;
  private final Set<String> asked = new HashSet<>();

  private ComponentConfig(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  /**
   * Reads the file {@code config.json} of a folder.
   *
   * @throws MalformedFileException if it is missing or no JSON object
   */
  public static ComponentConfig read(Path folder) {
    return readFile(folder.resolve("config.json"));
  }

  /**
   * Reads a file of another name, such as {@code scheduler_config.json}.
   *
   * @throws MalformedFileException if it is missing or no JSON object
   */
  public static ComponentConfig readFile(Path file) {
    // Python writes bounds that bound nothing as infinities.
    JsonNode root = Json.readWithNonNumbers(file);
    if (!root.isObject()) {
      throw new MalformedFileException(file + ": must hold a JSON object");
    }
    return new ComponentConfig(file, root);
  }

  /**
   * An object inside, whose values are read as strictly.
   *
   * @throws MalformedFileException if it is missing or no object
   */
  public ComponentConfig object(String key) {
    JsonNode node = present(key);
    if (!node.isObject()) {
      throw wrong(key, "an object");
    }
    return new ComponentConfig(file, node);
  }

  /** Where the values were read. */
  public Path file() {
    return file;
  }

  /** Whether a key is present and not null. */
  public boolean has(String key) {
    asked.add(key);
    return root.hasNonNull(key);
  }

  /** An object within this one, read as strictly; empty where the key is missing or null. */
  public Optional<ComponentConfig> child(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    if (!root.get(key).isObject()) {
      throw wrong(key, "an object");
    }
    return Optional.of(new ComponentConfig(file, root.get(key)));
  }

  /** A text. */
  public String text(String key) {
    JsonNode node = present(key);
    if (!node.isTextual()) {
      throw wrong(key, "a text");
    }
    return node.textValue();
  }

  /** A positive whole number. */
  public int size(String key) {
    return size(key, present(key));
  }

  /** A positive whole number, or another value where the key is missing or null. */
  public int size(String key, int otherwise) {
    return has(key) ? size(key) : otherwise;
  }

  private int size(String key, JsonNode node) {
    if (!node.isIntegralNumber() || !node.canConvertToInt() || node.intValue() < 1) {
      throw wrong(key, "a whole number from 1");
    }
    return node.intValue();
  }

  /** Positive whole numbers. */
  public List<Integer> sizes(String key) {
    JsonNode node = present(key);
    if (!node.isArray()) {
      throw wrong(key, "a list of whole numbers from 1");
    }
    List<Integer> sizes = new ArrayList<>();
    node.forEach(size -> sizes.add(size(key, size)));
    return sizes;
  }

  /** A finite number. */
  public double number(String key) {
    return number(key, present(key));
  }

  /** A finite number, or another value where the key is missing or null. */
  public double number(String key, double otherwise) {
    return has(key) ? number(key) : otherwise;
  }

  private double number(String key, JsonNode node) {
    if (!node.isNumber() || !Double.isFinite(node.doubleValue())) {
      throw wrong(key, "a finite number");
    }
    return node.doubleValue();
  }

  /** Finite numbers. */
  public List<Double> numbers(String key) {
    JsonNode node = present(key);
    if (!node.isArray()) {
      throw wrong(key, "a list of finite numbers");
    }
    List<Double> numbers = new ArrayList<>();
    node.forEach(number -> numbers.add(number(key, number)));
    return numbers;
  }

  /** Texts. */
  public List<String> texts(String key) {
    JsonNode node = present(key);
    List<String> texts = new ArrayList<>();
    node.forEach(text -> texts.add(text.textValue()));
    if (!node.isArray() || texts.contains(null)) {
      throw wrong(key, "a list of texts");
    }
    return texts;
  }

  /** Truth values. */
  public List<Boolean> flags(String key) {
    JsonNode node = present(key);
    List<Boolean> flags = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(flag -> flags.add(flag.isBoolean() ? flag.booleanValue() : null));
    }
    if (!node.isArray() || flags.contains(null)) {
      throw wrong(key, "a list of true and false");
    }
    return flags;
  }

  /** A truth value, or another one where the key is missing or null. */
  public boolean flag(String key, boolean otherwise) {
    if (!has(key)) {
      return otherwise;
    }
    if (!root.get(key).isBoolean()) {
      throw wrong(key, "true or false");
    }
    return root.get(key).booleanValue();
  }

  /**
   * Insists on one of the values that are supported. A key that is missing or null passes: the
   * published default is what is supported.
   *
   * @param supported texts, truth values or whole numbers; null stands for a key that must be
   *     missing or null
   * @throws MalformedFileException naming the key, its value and the supported ones
   */
  public void require(String key, Object... supported) {
    if (!has(key)) {
      return;
    }
    JsonNode node = root.get(key);
    for (Object value : supported) {
      if (value != null && value.toString().equals(node.asText()) && node.isValueNode()) {
        return;
      }
    }
    throw new MalformedFileException(
        file
            + ": "
            + key
            + " "
            + Messages.cut(node.toString())
            + " is not supported, supported: "
            + Arrays.stream(supported).map(String::valueOf).collect(Collectors.joining(", ")));
  }

  /**
   * As {@link #require} for a key whose absence means something that is not supported.
   *
   * @throws MalformedFileException naming the key, its value and the supported one
   */
  public void requirePresent(String key, Object supported) {
    if (!has(key)) {
      throw wrong(key, supported.toString());
    }
    require(key, supported);
  }

  /** One of the supported texts; {@code otherwise} where the key is missing or null. */
  public String choice(String key, String otherwise, String... supported) {
    require(key, (Object[]) supported);
    return has(key) ? text(key) : otherwise;
  }

  /** A finite number above 0; {@code otherwise} where the key is missing or null. */
  public double positive(String key, double otherwise) {
    double number = number(key, otherwise);
    if (!(number > 0)) {
      throw wrong(key, "a number above 0");
    }
    return number;
  }

  /** Whole numbers from 0; none where the key is missing or null. */
  public List<Integer> indices(String key) {
    List<Integer> indices = new ArrayList<>();
    if (!has(key)) {
      return indices;
    }
    for (JsonNode node : root.get(key)) {
      if (!node.isIntegralNumber() || !node.canConvertToInt() || node.intValue() < 0) {
        throw wrong(key, "a list of whole numbers from 0");
      }
      indices.add(node.intValue());
    }
    if (!root.get(key).isArray()) {
      throw wrong(key, "a list of whole numbers from 0");
    }
    return indices;
  }

  /** Names keys that are known and change nothing, for {@link #finish}. */
  public void withoutEffect(String... keys) {
    asked.addAll(Arrays.asList(keys));
  }

  /**
   * Refuses keys that nobody asked for: they would otherwise change nothing without a word. Those
   * that are null or false ask for nothing themselves and pass, as do names that begin with an
   * underscore, which are notes of the writing program.
   *
   * @throws MalformedFileException naming the key, its value and the known keys
   */
  public void finish() {
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      JsonNode value = entry.getValue();
      boolean silent = value.isNull() || value.isBoolean() && !value.booleanValue();
      if (!silent && !entry.getKey().startsWith("_") && !asked.contains(entry.getKey())) {
        throw new MalformedFileException(
            file
                + ": "
                + Messages.cut(entry.getKey())
                + " = "
                + Messages.cut(value)
                + " is not known, known: "
                + asked.stream().sorted().collect(Collectors.joining(", ")));
      }
    }
  }

  /**
   * As {@link #finish} for an encoder's configuration that transformers wrote. Keys that any of its
   * configurations may have pass.
   *
   * @throws MalformedFileException naming the key, its value and the known keys
   */
  public void finishEncoder() {
    OF_ANY_ENCODER.stream().filter(root::has).forEach(asked::add);
    finish();
  }

  /** For a value that is wrong for a reason that only the model knows. */
  public MalformedFileException wrong(String key, String allowed) {
    return new MalformedFileException(
        file
            + ": "
            + key
            + " must be "
            + allowed
            + ", got "
            + Messages.cut(root.path(key).toString()));
  }

  private JsonNode present(String key) {
    if (!has(key)) {
      throw new MalformedFileException(file + ": has no value for " + key);
    }
    return root.get(key);
  }
}
