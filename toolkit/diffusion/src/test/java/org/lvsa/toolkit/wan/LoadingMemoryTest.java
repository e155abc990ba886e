// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.tensor.TensorType;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.WanVaeConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.ProcStatus;
import org.lvsa.toolkit.weights.ReadAhead;
import org.lvsa.toolkit.weights.TestWeights;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Loading takes at most 1.1 times the weights' size, however they are stored: a process that has
 * little heap reads a model ahead, opens it and runs it once, so that each weight was read and
 * widened.
 */
@Tag("full")
class LoadingMemoryTest {
  private static final int HEADS = 4;
  private static final int HEAD_DIM = 128;
  private static final int FEED_FORWARD = 2048;
  private static final int TEXT = 512;

  /** Of all weights, about. */
  private static final long BYTES = 300L << 20;

  private final long seed = new Random().nextLong();
  private final SplittableRandom random = new SplittableRandom(seed);

  @TempDir private Path folder;

  /** A small model whose layers are as large, for what the libraries hold once they have run. */
  private static final int WARM_LAYERS = 2;

  private static WanConfig config(int layers) {
    return new WanConfig(
        layers,
        HEADS,
        HEAD_DIM,
        FEED_FORWARD,
        new WanConfig.Conditions(256, TEXT),
        new WanConfig.Channels(16, 16),
        new WanConfig.Patch(1, 2, 2),
        true,
        new WanConfig.Trained(1024),
        1e-6);
  }

  /** A folder as it is published. */
  private static Path write(Path folder, int layers, TensorType type, SplittableRandom random)
      throws IOException {
    Files.createDirectories(folder);
    Files.writeString(
        folder.resolve("config.json"),
        String.format(
            Locale.ROOT,
            """
            {"_class_name": "WanTransformer3DModel", "num_layers": %d, "num_attention_heads": %d,
             "attention_head_dim": %d, "ffn_dim": %d, "text_dim": %d, "in_channels": 16,
             "patch_size": [1, 2, 2]}
            """,
            layers,
            HEADS,
            HEAD_DIM,
            FEED_FORWARD,
            TEXT));
    TestWeights.writeRandom(
        folder.resolve("diffusion_pytorch_model.safetensors"),
        config(layers).tensors().asMap(),
        type,
        random);
    return folder;
  }

  /** An autoencoder of 215 MiB in float32, or a small one. */
  private static WanVaeConfig vae(int width) {
    return new WanVaeConfig(
        width,
        width,
        List.of(1, 2, 4, 4),
        2,
        List.of(false, true, true),
        16,
        Collections.nCopies(16, 0.0),
        Collections.nCopies(16, 1.0));
  }

  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"F32", "F16", "BF16", "F8_E4M3"})
  void aTransformer(TensorType type) throws Exception {
    long layer = (config(2).tensors().floatBytes() - config(1).tensors().floatBytes()) / 4;
    int layers = Math.toIntExact(BYTES * Byte.SIZE / type.bits() / layer);
    Path warm = write(folder.resolve("warm"), WARM_LAYERS, type, random);
    Path model = write(folder.resolve("model"), layers, type, random);
    long weights = config(layers).tensors().floatBytes() / Float.BYTES * type.bits() / Byte.SIZE;
    assertTrue(weights > 0.9 * BYTES, () -> weights + " bytes");
    check("transformer", type, weights, warm, model);
  }

  /** Its convolutions keep float32 in an order of their own, and the stored weights go. */
  @ParameterizedTest
  @EnumSource(
      value = TensorType.class,
      names = {"F32", "F16", "F8_E4M3"})
  void anAutoencoderAsFloat32(TensorType type) throws Exception {
    Path warm = Files.createDirectories(folder.resolve("8"));
    Path model = Files.createDirectories(folder.resolve("64"));
    for (Path one : new Path[] {warm, model}) {
      TestWeights.writeRandom(
          one.resolve("model.safetensors"),
          AutoencoderKlWan.shapes(vae(Integer.parseInt(one.getFileName().toString()))).asMap(),
          type,
          random);
    }
    check("vae", type, AutoencoderKlWan.shapes(vae(64)).floatBytes(), warm, model);
  }

  private void check(String kind, TensorType type, long weights, Path warm, Path model)
      throws Exception {
    ProcStatus.assumePresent();
    Path log = folder.resolve("log");
    Process process =
        new ProcessBuilder(command(kind, warm, model))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertEquals(0, process.waitFor(), () -> read(log));
    String held = read(log).lines().reduce((first, last) -> last).orElseThrow();
    double times = Double.parseDouble(held) / weights;
    System.out.printf(
        "%s in %s: weights of %d MiB, loading held %.3f times as much, seed %d%n",
        kind, type, weights >> 20, times, seed);
    assertTrue(times <= 1.1, () -> "held " + times + " times, seed " + seed);
  }

  private static String read(Path log) {
    try {
      return Files.readString(log, StandardCharsets.UTF_8);
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** With a heap that cannot hold the weights, and that is all in memory from the start. */
  private static List<String> command(String kind, Path warm, Path model) {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(
        List.of(
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-Xms96m",
            "-Xmx96m",
            "-XX:+AlwaysPreTouch"));
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    line.addAll(List.of(kind, warm.toString(), model.toString()));
    return line;
  }

  /** The process. */
  static final class Main {
    private Main() {}

    /** What is loaded, and the folders of a small model and of a large one. */
    public static void main(String[] arguments) throws IOException {
      Consumer<Path> load = arguments[0].equals("vae") ? Main::vae : Main::transformer;
      // Twice, for code that is compiled and loaded on the way.
      load.accept(Path.of(arguments[1]));
      load.accept(Path.of(arguments[1]));
      System.gc();
      long before = ProcStatus.bytes("VmRSS");
      load.accept(Path.of(arguments[2]));
      System.out.println(ProcStatus.bytes("VmHWM") - before);
    }

    private static void vae(Path folder) {
      ReadAhead.read(ComponentFiles.in(folder).weightFiles(), ReadAhead.THREADS, done -> {});
      WanVaeConfig config =
          LoadingMemoryTest.vae(Integer.parseInt(folder.getFileName().toString()));
      try (AutoencoderKlWan vae = new AutoencoderKlWan(config, Weights.open(folder), false)) {
        LatentSize size = vae.latentSize(5, 16, 16);
        vae.decode(new float[size.elements()], size, (first, frames) -> {});
      }
    }

    private static void transformer(Path folder) {
      ComponentFiles files = ComponentFiles.in(folder);
      ReadAhead.read(files.weightFiles(), ReadAhead.THREADS, done -> {});
      try (WanTransformer transformer = WanTransformer.open(files, false);
          DenseAttention attention = new DenseAttention();
          INDArray latents = Nd4j.ones(1, 16, 1, 8, 8);
          INDArray text = Nd4j.ones(1, 5, TEXT)) {
        float[] timesteps = {500};
        transformer
            .predict(
                new WanTransformer.Input(latents, timesteps, text, Optional.empty()),
                attention,
                Observer.NONE)
            .close();
      }
    }
  }
}
