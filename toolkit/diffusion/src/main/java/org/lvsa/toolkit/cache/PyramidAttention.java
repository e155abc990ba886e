// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.lvsa.toolkit.blocks.BlockRunner.Attention;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Pyramid attention broadcast for one transformer and one branch: outputs of attentions by layer.
 */
final class PyramidAttention implements AutoCloseable {
  private final CacheSettings.Pyramid settings;
  private final Map<Place, Output> outputs = new HashMap<>();
  private final Map<Attention, Integer> passes = new EnumMap<>(Attention.class);
  private Optional<CacheState.Part> saved = Optional.empty();
  private int computed;
  private int cached;

  private record Place(Attention kind, int layer) {}

  private static final class Output {
    private int iteration;
    private INDArray last;
  }

  PyramidAttention(CacheSettings.Pyramid settings) {
    this.settings = settings;
  }

  INDArray attention(Attention kind, int layer, double timestep, Supplier<INDArray> compute) {
    OptionalInt every = every(kind);
    if (every.isEmpty()) {
      computed++;
      return compute.get();
    }
    Output output = outputs.computeIfAbsent(new Place(kind, layer), this::output);
    boolean again =
        output.last != null && isFree(kind, every.getAsInt(), output.iteration, timestep);
    output.iteration++;
    if (again) {
      cached++;
      return NdMemory.copy(output.last);
    }
    INDArray out = compute.get();
    if (output.last != null) {
      output.last.close();
    }
    output.last = NdMemory.copy(out);
    computed++;
    return out;
  }

  private OptionalInt every(Attention kind) {
    return kind == Attention.SELF ? settings.selfEvery() : settings.crossEvery();
  }

  /** Whether an earlier output may be taken at all. */
  private boolean isFree(Attention kind, int every, int iteration, double timestep) {
    CacheSettings.Pyramid.Range range =
        kind == Attention.SELF ? settings.selfRange() : settings.crossRange();
    return iteration % every != 0 && range.holds(timestep);
  }

  /**
   * Decides for all layers of a run whose outputs a device keeps, as {@link #attention} decides for
   * each of them.
   *
   * @param set the branch's number
   */
  void decide(BlockSequence.Outputs device, int set, int layers, double timestep) {
    for (Attention kind : Attention.values()) {
      if (!device.has(kind)) {
        continue;
      }
      OptionalInt every = every(kind);
      int iteration = passes.merge(kind, 1, Integer::sum) - 1;
      boolean again = every.isPresent() && isFree(kind, every.getAsInt(), iteration, timestep);
      if (every.isPresent()) {
        device.use(kind, set, again);
      }
      computed += again ? 0 : layers;
      cached += again ? layers : 0;
    }
  }

  void save(CacheState.Part to) {
    if (!passes.isEmpty()) {
      throw new IllegalArgumentException(
          "a step cache on a device is not saved: leave --save-every, or --transformer device,"
              + " out");
    }
    to.put("counts", computed, cached);
    outputs.forEach(
        (place, output) -> {
          String name = place.kind() + "." + place.layer();
          to.put(name, output.iteration);
          if (output.last != null) {
            to.put(name, output.last);
          }
        });
  }

  void restore(CacheState.Part from) {
    double[] counts = from.numbers("counts", 2);
    computed = (int) counts[0];
    cached = (int) counts[1];
    saved = Optional.of(from);
  }

  /** An attention's output so far: what was saved of it, if anything was. */
  private Output output(Place place) {
    Output output = new Output();
    String name = place.kind() + "." + place.layer();
    saved
        .filter(from -> from.hasNumbers(name))
        .ifPresent(
            from -> {
              output.iteration = (int) from.numbers(name, 1)[0];
              output.last = from.hasTensor(name) ? from.tensor(name) : null;
            });
    return output;
  }

  int computed() {
    return computed;
  }

  int cached() {
    return cached;
  }

  @Override
  public void close() {
    outputs.values().forEach(output -> output.last.close());
    outputs.clear();
  }
}
