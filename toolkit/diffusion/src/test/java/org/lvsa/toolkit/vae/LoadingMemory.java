// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.tensor.TensorType;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.TestWeights;
import org.lvsa.toolkit.weights.WeightTensor;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Measures the memory of loading, for people to run: how much the process holds at most beyond what
 * it held before, while weights are opened and each layer runs once. Prints it for one way to store
 * the weights, since a process cannot take its high-water mark back.
 *
 * <pre>java @toolkit/launcher/jvm-flags -cp
 *   "toolkit/diffusion/target/test-classes:toolkit/target/lib/*" \\
 *   org.lvsa.toolkit.vae.LoadingMemory linear F16 FOLDER</pre>
 */
public final class LoadingMemory {
  private static final int WIDTH = 2048;
  private static final int LAYERS = 24;

  private static final WanVaeConfig CONFIG =
      new WanVaeConfig(
          64,
          64,
          List.of(1, 2, 4, 4),
          2,
          List.of(false, true, true),
          16,
          Collections.nCopies(16, 0.0),
          Collections.nCopies(16, 1.0));

  private LoadingMemory() {}

  /**
   * The kind of layers, {@code linear} or {@code vae}; the type of numbers; and a folder. The first
   * run writes the weights there, the second one measures.
   */
  public static void main(String[] arguments) throws IOException {
    boolean linear = arguments[0].equals("linear");
    TensorType type = TensorType.valueOf(arguments[1]);
    Path folder = Path.of(arguments[2]);
    if (!Files.exists(folder.resolve("model.safetensors"))) {
      Files.createDirectories(folder);
      write(folder, linear ? matrices() : AutoencoderKlWan.shapes(CONFIG), type);
      System.out.println("written, run again to measure");
    } else if (linear) {
      linear(folder, type);
    } else {
      vae(folder, type);
    }
  }

  private static TensorShapes matrices() {
    TensorShapes shapes = new TensorShapes();
    for (int layer = 0; layer < LAYERS; layer++) {
      shapes.add(layer + ".weight", WIDTH, WIDTH);
    }
    return shapes;
  }

  private static void linear(Path folder, TensorType type) throws IOException {
    try (INDArray x = Nd4j.ones(1, WIDTH)) {
      new Linear(
              TestWeights.tensor(
                  "warm", DType.F32, List.of((long) WIDTH, (long) WIDTH), new float[WIDTH * WIDTH]))
          .apply(x)
          .close();
      long before = highWaterMark();
      try (Weights weights = Weights.open(folder)) {
        for (int layer = 0; layer < LAYERS; layer++) {
          Linear.withoutBias(weights, Integer.toString(layer)).apply(x).close();
        }
        print(type, weights.bytes(), weights.bytes(), before);
      }
    }
  }

  private static void vae(Path folder, TensorType type) throws IOException {
    long working = AutoencoderKlWan.decodeBytes(CONFIG, 16, 16);
    long before = highWaterMark();
    Weights weights = Weights.open(folder);
    try (AutoencoderKlWan vae = new AutoencoderKlWan(CONFIG, weights, false)) {
      LatentSize size = vae.latentSize(5, 16, 16);
      vae.decode(new float[size.elements()], size, (first, frames) -> {});
      System.out.printf(Locale.ROOT, "working memory of decoding %d MiB; ", working >> 20);
      print(type, weights.bytes(), AutoencoderKlWan.shapes(CONFIG).floatBytes(), before);
    }
  }

  private static void write(Path folder, TensorShapes shapes, TensorType type) throws IOException {
    Map<String, WeightTensor> tensors = new TreeMap<>();
    try (Arena arena = Arena.ofShared()) {
      shapes
          .asMap()
          .forEach(
              (name, shape) -> {
                long elements = shape.stream().reduce(1L, Math::multiplyExact);
                tensors.put(
                    name,
                    new WeightTensor(
                        name, type, shape, arena.allocate(elements * type.bits() / Byte.SIZE)));
              });
      TestWeights.write(folder.resolve("model.safetensors"), tensors);
    }
  }

  private static void print(TensorType type, long stored, long wide, long before)
      throws IOException {
    long most = highWaterMark() - before;
    System.out.printf(
        Locale.ROOT,
        "%s: stored %d MiB, as float32 in memory %d MiB, most held %d MiB%n",
        type,
        stored >> 20,
        wide >> 20,
        most >> 20);
  }

  /** The most bytes that this process has had in memory, as Linux counts them. */
  public static long highWaterMark() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
      }
    }
    throw new IOException("this system tells no high-water mark");
  }
}
