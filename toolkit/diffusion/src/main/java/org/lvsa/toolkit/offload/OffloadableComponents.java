// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.weights.Weights;

/**
 * A pipeline that tells the names of its components, so that their weights can be let go while
 * others run. A name is that of the component's folder, such as {@code transformer}; a list of
 * blocks has the name of its transformer and its own, joined by a dot: {@code transformer.blocks}.
 */
public interface OffloadableComponents {
  /** Names of the transformers. */
  List<String> transformers();

  /** Names of what encodes texts and pictures. */
  List<String> encoders();

  /** Names of what turns latents into pictures and back. */
  List<String> vaes();

  /** Lists of blocks whose members can take turns, by dotted name. */
  List<String> blockLists();

  /**
   * The component of a name; empty if the pipeline has none.
   *
   * @param name as the lists have it, without a block list's part
   */
  Optional<Component> component(String name);

  /** A component of a pipeline. */
  sealed interface Component {
    /** A component that is open from the pipeline's beginning to its end. */
    record Open(Weights weights) implements Component {}

    /**
     * A component that is opened for each use and closed after it.
     *
     * @param bytes of its weights
     */
    record OpenedPerUse(long bytes) implements Component {}
  }
}
