// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An activation function that a configuration names. */
public enum Activation {
  /** The Gaussian error linear unit. */
  GELU(Elementwise::geluErf, "gelu"),
  /** Its approximation by tanh. */
  GELU_TANH(Elementwise::geluTanh, "gelu_new", "gelu_pytorch_tanh"),
  /** Its rough approximation by a sigmoid, of OpenAI's CLIP. */
  QUICK_GELU(Elementwise::quickGelu, "quick_gelu"),
  /** {@code x / (1 + exp(−x))}. */
  SILU(Elementwise::silu, "silu", "swish");

  private final Consumer<INDArray> function;
  private final List<String> names;

  Activation(Consumer<INDArray> function, String... names) {
    this.function = function;
    this.names = List.of(names);
  }

  /**
   * Reads the function's name.
   *
   * @param otherwise where the key is missing or null
   * @throws org.lvsa.toolkit.io.MalformedFileException naming the functions that there are
   */
  public static Activation of(ComponentConfig config, String key, Activation otherwise) {
    String[] known =
        Arrays.stream(values()).flatMap(kind -> kind.names.stream()).toArray(String[]::new);
    String name = config.choice(key, otherwise.names.getFirst(), known);
    return Arrays.stream(values())
        .filter(kind -> kind.names.contains(name))
        .findFirst()
        .orElseThrow();
  }

  /** Applies the function in place to a row-major float32 tensor. */
  public void apply(INDArray x) {
    function.accept(x);
  }
}
