// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.weights.ComponentFiles;

/**
 * A published model's folder in the format of Hugging Face diffusers: {@code model_index.json}
 * names the pipeline's class and its components, and each component lies in a folder of its name.
 */
public final class ModelFolder {
  private static final String INDEX = "model_index.json";

  /**
   * Classes of the publishers' own repositories of Wan and HunyuanVideo 1.5: a {@code config.json}
   * of theirs has other keys, and the weights other names.
   */
  private static final Set<String> PUBLISHERS =
      Set.of("WanModel", "HunyuanVideo_1_5_DiffusionTransformer", "AutoencoderKLConv3D");

  /**
   * One part of a model.
   *
   * @param name the name in {@code model_index.json}, such as {@code transformer}
   * @param className the class that {@code model_index.json} gives it
   * @param files where it lies: in the model's folder, or elsewhere if it was replaced
   */
  public record Component(String name, String className, ComponentFiles files) {
    /** The folder with its configuration. */
    public Path folder() {
      return files.folder();
    }

    /** Bytes of its weights, and of all other files in their folder. */
    public long bytes() {
      try (Stream<Path> all = Files.walk(files.weights(), 1)) {
        return all.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /**
     * Insists that a size of this part is the transformer's.
     *
     * @param what has the size, in words
     * @throws MalformedFileException naming both sizes
     */
    public void requireEqual(String what, int its, int transformers) {
      if (its != transformers) {
        throw new MalformedFileException(
            folder()
                + ": the "
                + name
                + " has "
                + its
                + " "
                + what
                + ", the transformer "
                + transformers
                + ": they are not of one model");
      }
    }
  }

  private final Path path;
  private final String pipelineClass;
  private final Map<String, Component> components;
  private final Map<String, JsonNode> settings;
  private final boolean random;

  private ModelFolder(
      Path path,
      String pipelineClass,
      Map<String, Component> components,
      Map<String, JsonNode> settings,
      boolean random) {
    this.path = path;
    this.pipelineClass = pipelineClass;
    this.components = components;
    this.settings = settings;
    this.random = random;
  }

  /** Reads a folder's index. As {@link #open(Path, Map)} with nothing replaced. */
  public static ModelFolder open(Path path) {
    return open(path, Map.of());
  }

  /**
   * Reads a folder's index.
   *
   * @param path the model's folder
   * @param replaced component name → the folder that takes its place, or a safetensors file, or the
   *     folder of a publisher's own repository, that takes the place of its weights
   * @throws MalformedFileException if the folder or its index is missing or malformed, or a folder
   *     of a component is missing
   * @throws IllegalArgumentException if a replaced component is none of the model's
   */
  public static ModelFolder open(Path path, Map<String, Path> replaced) {
    return open(path, replaced, false);
  }

  /**
   * As {@link #open(Path)}, with random numbers in place of weights: only configurations are read,
   * and a component whose folder is missing is left out.
   */
  public static ModelFolder openRandom(Path path) {
    return open(path, Map.of(), true);
  }

  private static ModelFolder open(Path path, Map<String, Path> replaced, boolean random) {
    if (!Files.isDirectory(path)) {
      throw new MalformedFileException(
          path + ": no such folder; a model is a folder in diffusers' format with " + INDEX);
    }
    Path index = path.resolve(INDEX);
    if (!Files.exists(index)) {
      throw new MalformedFileException(
          path + ": not a model folder in diffusers' format: it has no " + INDEX);
    }
    JsonNode root = Json.read(index);
    String pipelineClass = root.path("_class_name").asText("");
    if (!root.isObject() || pipelineClass.isEmpty()) {
      throw new MalformedFileException(
          index + ": must be a JSON object whose _class_name is the pipeline's class");
    }
    Map<String, Component> components = new LinkedHashMap<>();
    Map<String, JsonNode> settings = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      String name = entry.getKey();
      JsonNode value = entry.getValue();
      if (name.startsWith("_")) {
        continue;
      }
      if (absent(value)) {
        continue;
      }
      if (!namesComponent(value)) {
        settings.put(name, value);
      } else if (!random) {
        ComponentFiles files = files(path.resolve(name), Optional.ofNullable(replaced.get(name)));
        components.put(name, component(index, name, value, files));
      } else if (Files.isDirectory(path.resolve(name))) {
        ComponentFiles files = ComponentFiles.in(path.resolve(name)).withRandomWeights();
        components.put(name, component(index, name, value, files));
      }
    }
    for (String name : replaced.keySet()) {
      if (!components.containsKey(name)) {
        throw new IllegalArgumentException(
            Messages.unknown("component", name, components.keySet()) + " (" + index + ")");
      }
    }
    return new ModelFolder(path, pipelineClass, components, settings, random);
  }

  /**
   * A file in the place of weights, or a folder of a publisher's own repository, leaves the
   * configuration where it is.
   */
  private static ComponentFiles files(Path own, Optional<Path> replacement) {
    Path weights = replacement.orElse(own);
    return Files.isRegularFile(weights) || isPublishers(weights.resolve("config.json"))
        ? new ComponentFiles(own, weights)
        : ComponentFiles.in(weights);
  }

  private static boolean isPublishers(Path config) {
    return Files.isRegularFile(config)
        && PUBLISHERS.contains(Json.read(config).path("_class_name").asText());
  }

  /** Published indices list components that a variant lacks as {@code [null, null]}. */
  private static boolean absent(JsonNode value) {
    return value.isArray() && value.size() == 2 && value.get(0).isNull() && value.get(1).isNull();
  }

  /** A component is {@code [library, class]}; other lists are settings of the model's own. */
  private static boolean namesComponent(JsonNode value) {
    return value.isArray()
        && value.size() == 2
        && (value.get(0).isTextual() || value.get(0).isNull())
        && value.get(1).isTextual();
  }

  private static Component component(
      Path index, String name, JsonNode value, ComponentFiles files) {
    if (name.contains("/") || name.contains("\\") || name.equals("..")) {
      throw new MalformedFileException(
          index + ": component " + Messages.cut(name) + " must be the name of a folder");
    }
    if (!Files.isDirectory(files.folder())) {
      throw new MalformedFileException(
          files.folder()
              + ": component "
              + name
              + " ("
              + value.get(1).textValue()
              + ") is missing");
    }
    return new Component(name, value.get(1).textValue(), files);
  }

  /** Where the model is. */
  public Path path() {
    return path;
  }

  /** Whether random numbers take the place of its weights. */
  public boolean random() {
    return random;
  }

  /**
   * Refuses a component that has to have weights of its own.
   *
   * @throws UnavailableException if the model has random ones
   */
  public void requireWeights(String name) {
    if (random) {
      throw new UnavailableException(
          path + ": the " + name + " of this model does not run with random weights");
    }
  }

  /** The class that the index gives the whole pipeline. */
  public String pipelineClass() {
    return pipelineClass;
  }

  /** The components that are there, in the index's order. */
  public Collection<Component> components() {
    return components.values();
  }

  /**
   * Insists on a pipeline class.
   *
   * @param known the classes that there are
   * @throws MalformedFileException naming the class and the known ones
   */
  public void requirePipeline(Collection<String> known) {
    if (!known.contains(pipelineClass)) {
      throw new MalformedFileException(
          path.resolve(INDEX) + ": " + Messages.unknown("pipeline class", pipelineClass, known));
    }
  }

  /**
   * Insists that the model has these components and no others.
   *
   * @param known component name → classes that are supported
   * @throws MalformedFileException naming what is missing, or of a class that is not known
   */
  public void requireComponents(Map<String, List<String>> known) {
    requireComponents(known, Set.of());
  }

  /**
   * Insists that the model has these components and no others.
   *
   * @param known component name → classes that are supported
   * @param optional names of those that may be missing
   * @throws MalformedFileException naming what is missing, or of a class that is not known
   */
  public void requireComponents(Map<String, List<String>> known, Set<String> optional) {
    Path index = path.resolve(INDEX);
    known.forEach(
        (name, classes) -> {
          Component component = components.get(name);
          if (component == null && (random || optional.contains(name))) {
            return;
          }
          if (component == null && settings.containsKey(name)) {
            throw new MalformedFileException(
                index
                    + ": component "
                    + name
                    + " must be [library, class], got "
                    + Messages.cut(settings.get(name).toString()));
          }
          if (component == null) {
            throw new MalformedFileException(index + ": component " + name + " is missing");
          }
          // What takes a component's place says its class itself.
          boolean own = component.folder().equals(path.resolve(name));
          if (own && !classes.contains(component.className())) {
            throw new MalformedFileException(
                index
                    + ": component "
                    + name
                    + ": "
                    + Messages.unknown("class", component.className(), classes));
          }
        });
    for (Component component : components.values()) {
      if (!known.containsKey(component.name())) {
        throw new MalformedFileException(
            index
                + ": component "
                + Messages.cut(component.name())
                + " is not supported for "
                + pipelineClass
                + ", supported are "
                + String.join(", ", known.keySet()));
      }
    }
  }

  /**
   * Insists that settings in the index ask for nothing: published indices list settings of other
   * variants of a model as null or false.
   *
   * @param meaning setting → what asks for it, for the message
   * @throws MalformedFileException naming the setting and its value
   */
  public void requireOff(Map<String, String> meaning) {
    requireOff(meaning, Set.of());
  }

  /**
   * As {@link #requireOff(Map)}.
   *
   * @param read settings that the pipeline reads itself
   */
  public void requireOff(Map<String, String> meaning, Set<String> read) {
    settings.forEach(
        (name, value) -> {
          boolean off = value.isNull() || value.isBoolean() && !value.booleanValue();
          if (!off && !read.contains(name)) {
            throw new MalformedFileException(
                path.resolve(INDEX)
                    + ": setting "
                    + Messages.cut(name)
                    + " = "
                    + Messages.cut(value.toString())
                    + " is not supported for "
                    + pipelineClass
                    + (meaning.containsKey(name) ? " (" + meaning.get(name) + ")" : "")
                    + ", supported are null and false");
          }
        });
  }

  /**
   * A setting of the index that is a number; empty where it is missing or null.
   *
   * @throws MalformedFileException if it is something else
   */
  public OptionalDouble number(String name) {
    JsonNode value = settings.get(name);
    if (value == null || value.isNull()) {
      return OptionalDouble.empty();
    }
    if (!value.isNumber()) {
      throw wrong(name, "a number or null");
    }
    return OptionalDouble.of(value.doubleValue());
  }

  /**
   * Whether a setting of the index is true; it is not where it is missing or null.
   *
   * @throws MalformedFileException if it is something else than true, false or null
   */
  public boolean flag(String name) {
    JsonNode value = settings.get(name);
    if (value != null && !value.isNull() && !value.isBoolean()) {
      throw wrong(name, "true, false or null");
    }
    return value != null && value.asBoolean();
  }

  /** For a setting of the index that is wrong. */
  public MalformedFileException wrong(String name, String allowed) {
    return new MalformedFileException(
        path.resolve(INDEX)
            + ": setting "
            + name
            + " must be "
            + allowed
            + ", got "
            + Messages.cut(String.valueOf(settings.get(name))));
  }

  /** The component of that name; empty where the model has none. */
  public Optional<Component> find(String name) {
    return Optional.ofNullable(components.get(name));
  }

  /** The component of that name, which must have been required. */
  public Component component(String name) {
    Component component = components.get(name);
    if (component == null) {
      throw new MalformedFileException(path.resolve(INDEX) + ": component " + name + " is missing");
    }
    return component;
  }

  /** The files with weights of all components, in natural order for each. */
  public List<Path> weightFiles() {
    return components.values().stream()
        .flatMap(component -> component.files().weightFiles().stream())
        .toList();
  }

  /** A hash that tells this model's files from another's, wherever they lie. */
  public String fingerprint() {
    return Fingerprint.of(
        components.values().stream()
            .flatMap(one -> Stream.of(one.files().folder(), one.files().weights()).distinct())
            .toList());
  }

  /** Names of the components that are there. */
  public Set<String> names() {
    return components.keySet();
  }
}
