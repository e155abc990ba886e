// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The memory that all steps of a decoder use.
 *
 * @param state see {@link DecoderState}
 * @param zeros a unit of zeros
 * @param seen what a convolution sees, once
 * @param columns what some pixels of its result are made of
 * @param products of a matrix product
 * @param groups of norms of groups of channels
 * @param volumes by place
 */
record DecoderBuffers<A extends TornadoNativeArray>(
    IntArray state,
    A zeros,
    A seen,
    A columns,
    A products,
    Groups<A> groups,
    Map<Place, FloatArray> volumes) {
  /**
   * What norms of groups of channels use.
   *
   * @param latents as products see them
   * @param told factors and terms that are made of them
   * @param sums of slices of the groups
   * @param scales of channels
   */
  record Groups<A>(A latents, A told, FloatArray sums, FloatArray scales) {}

  static <A extends TornadoNativeArray> DecoderBuffers<A> allocate(
      DecoderSizes sizes, DecoderActivations<A> activations) {
    int unit = activations.decoder().unit();
    A zeros = activations.array(unit);
    activations.write(FloatArray.fromElements(new float[unit]).getSegment(), zeros, 0);
    Map<Place, FloatArray> volumes = new EnumMap<>(Place.class);
    sizes
        .volumes()
        .forEach(
            (place, elements) -> volumes.put(place, new FloatArray(Math.toIntExact(elements))));
    return new DecoderBuffers<>(
        DecoderState.array(),
        zeros,
        activations.array(sizes.seen()),
        activations.array(sizes.columns()),
        activations.array(sizes.products()),
        new Groups<>(
            activations.array(sizes.groups().latents()),
            activations.array(sizes.groups().told()),
            new FloatArray(Math.toIntExact(sizes.groups().sums())),
            new FloatArray(Math.toIntExact(sizes.groups().scales()))),
        volumes);
  }

  FloatArray volume(Place place) {
    return volumes.get(place);
  }

  /** What steps leave for the next ones, and the memory that all of them use. */
  Object[] shared() {
    List<Object> all = new ArrayList<>(List.of(state, zeros, seen, columns, products));
    all.addAll(List.of(groups.latents(), groups.told(), groups.sums(), groups.scales()));
    all.addAll(floats().values());
    return all.toArray();
  }

  private Map<Place, FloatArray> floats() {
    Map<Place, FloatArray> all = new EnumMap<>(volumes);
    all.remove(Place.FRAMES);
    return all;
  }

  /** TornadoVM keeps an array on the device only if a task used it. */
  void touch(GraphTasks tasks, DecoderActivations<A> activations) {
    FloatActivations.touch(tasks, "state", state);
    activations.touch(tasks, "zeros", zeros);
    activations.touch(tasks, "seen", seen);
    activations.touch(tasks, "columns", columns);
    activations.touch(tasks, "products", products);
    activations.touch(tasks, "latents", groups.latents());
    activations.touch(tasks, "told", groups.told());
    FloatActivations ofVolumes = new FloatActivations();
    ofVolumes.touch(tasks, "sums", groups.sums());
    ofVolumes.touch(tasks, "scales", groups.scales());
    floats().forEach((place, volume) -> ofVolumes.touch(tasks, "volume" + place, volume));
  }
}
