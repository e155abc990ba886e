// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentSkipListMap;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.tensor.TensorType;

/**
 * The tensors of one component of a model by name: mapped from a folder, or random. Tensors stay
 * valid until the weights are closed. Reading is safe from several threads.
 */
public final class Weights implements AutoCloseable {
  /** Names listed in one message; a checkpoint of another model would fill pages otherwise. */
  private static final int LISTED = 5;

  private final String origin;
  private final Map<String, WeightTensor> tensors;
  private final Arena arena;

  Weights(String origin, Map<String, WeightTensor> tensors, Arena arena) {
    this.origin = origin;
    this.tensors = tensors;
    this.arena = arena;
  }

  /**
   * Maps a component's weights.
   *
   * @param place a component's folder, or a safetensors file
   * @throws MalformedFileException if there are none, or a file is missing, truncated or broken
   */
  public static Weights open(Path place) {
    return open(place, Renaming.NONE);
  }

  /**
   * As {@link #open(Path)}, under the names that a model asks for.
   *
   * @param renaming from the names that are stored
   * @throws MalformedFileException also if two tensors get the same name
   */
  public static Weights open(Path place, Renaming renaming) {
    Arena arena = Arena.ofShared();
    try {
      Map<String, WeightTensor> stored = WeightFolder.of(place).read(arena);
      return new Weights(place.toString(), renaming.apply(place, stored), arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /**
   * A component's weights: those of its files, or random ones of the shapes that it needs, where it
   * has {@link ComponentFiles#random} ones. They are the same at every call.
   *
   * @param renaming from the names that are stored
   * @throws MalformedFileException as {@link #open(Path, Renaming)}
   */
  public static Weights of(ComponentFiles files, Renaming renaming, TensorShapes shapes) {
    if (!files.random()) {
      return open(files.weights(), renaming);
    }
    String name = files.folder().getFileName().toString();
    Memory.require("random weights of the " + name, shapes.floatBytes());
    return random(shapes, name.hashCode());
  }

  /**
   * Random float32 weights. A matrix has the standard deviation {@code 1/sqrt(columns)}, so that
   * layers keep the size of what passes through them; a vector whose name ends in {@code
   * norm…weight} lies around 1, any other vector around 0. The same seed gives the same weights on
   * every machine.
   */
  public static Weights random(TensorShapes shapes, long seed) {
    Arena arena = Arena.ofShared();
    Map<String, WeightTensor> tensors = new ConcurrentSkipListMap<>();
    shapes.asMap().entrySet().parallelStream()
        .forEach(
            entry ->
                tensors.put(entry.getKey(), random(entry.getKey(), entry.getValue(), seed, arena)));
    return new Weights("random weights", tensors, arena);
  }

  private static WeightTensor random(String name, List<Long> shape, long seed, Arena arena) {
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    MemorySegment data = arena.allocate(elements * Float.BYTES, 64);
    // Seeded by the name, so that a tensor does not depend on those before it.
    SplittableRandom random = new SplittableRandom(seed * 31 + name.hashCode());
    double deviation = shape.size() < 2 ? 0.1 : 1 / Math.sqrt((double) elements / shape.getFirst());
    double mean = shape.size() == 1 && name.matches(".*norm[^.]*\\.weight") ? 1 : 0;
    // Uniform numbers of that deviation: layers add up many of them, so the shape is no matter.
    double range = deviation * Math.sqrt(12);
    for (long i = 0; i < elements; i++) {
      data.setAtIndex(
          ValueLayout.JAVA_FLOAT, i, (float) (mean + (random.nextDouble() - 0.5) * range));
    }
    return new WeightTensor(name, TensorType.F32, shape, data);
  }

  /** Names of all tensors, sorted. */
  public Set<String> names() {
    return tensors.keySet();
  }

  /** Bytes of all tensors as they are stored. */
  public long bytes() {
    return tensors.values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
  }

  /**
   * Bytes that the tensors take beside copies of all of them in another form: none where they are
   * mapped from files, see {@link WeightTensor#release}.
   */
  public long bytesBesideCopies() {
    return tensors.values().stream()
        .map(WeightTensor::data)
        .filter(data -> !data.isMapped())
        .mapToLong(MemorySegment::byteSize)
        .sum();
  }

  /**
   * Checks that these are the weights of the model that is meant.
   *
   * @param needed each tensor that the model reads
   * @param ignored names that may be present and are not read
   * @param allowUnused whether other tensors may be present too
   * @throws MalformedFileException naming what is missing, of another shape or type, or unexpected
   */
  public void check(TensorShapes needed, Set<String> ignored, boolean allowUnused) {
    List<String> missing = new ArrayList<>();
    List<String> wrong = new ArrayList<>();
    List<String> unreadable = new ArrayList<>();
    needed
        .asMap()
        .forEach(
            (name, shape) -> {
              WeightTensor tensor = tensors.get(name);
              if (tensor == null) {
                missing.add(name);
              } else if (!tensor.shape().equals(shape)) {
                wrong.add(name + " (must be " + shape + ", got " + tensor.shape() + ")");
              } else if (!Widening.reads(tensor.type())) {
                unreadable.add(name + " " + Widening.refusal(tensor.type()));
              }
            });
    List<String> unexpected = new ArrayList<>();
    if (!allowUnused) {
      for (String name : tensors.keySet()) {
        if (!needed.asMap().containsKey(name) && !ignored.contains(name)) {
          unexpected.add(name);
        }
      }
    }
    List<String> problems = new ArrayList<>();
    problem(problems, "missing", missing);
    problem(problems, "of another shape", wrong);
    problem(problems, "of a type that is not read", unreadable);
    problem(problems, "unexpected", unexpected);
    if (!problems.isEmpty()) {
      throw new MalformedFileException(
          origin + ": these are not the model's weights: " + String.join("; ", problems));
    }
  }

  private static void problem(List<String> problems, String what, List<String> names) {
    if (!names.isEmpty()) {
      String listed = String.join(", ", names.subList(0, Math.min(LISTED, names.size())));
      int more = names.size() - LISTED;
      problems.add(
          names.size() + " " + what + ": " + listed + (more > 0 ? " and " + more + " more" : ""));
    }
  }

  /**
   * A tensor.
   *
   * @throws MalformedFileException if there is none of that name
   */
  public WeightTensor get(String name) {
    WeightTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new MalformedFileException(origin + ": missing tensor " + name);
    }
    return tensor;
  }

  /** A small tensor's elements, such as a bias, widened to float32. */
  public float[] floats(String name) {
    return get(name).floats();
  }

  @Override
  public void close() {
    arena.close();
  }
}
