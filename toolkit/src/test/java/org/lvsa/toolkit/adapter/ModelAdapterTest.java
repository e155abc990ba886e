// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.adapter.ModelAdapter.Frame;
import org.lvsa.toolkit.adapter.ModelAdapter.Streams;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
import org.lvsa.toolkit.tensor.MalformedFileException;
import org.lvsa.toolkit.tensor.Safetensors;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Each block against the same equations in plain float64 loops. */
class ModelAdapterTest {
  private static final int FRAMES = 10;
  private static final int TEXT = 5;
  private static final Frame FRAME =
      new Frame(2, 12, new PatchGrid(2, 3), new RotaryEmbedding(List.of(4, 4, 4), 100));

  @TempDir private Path directory;

  // ---- a small random model in the checkpoint's format

  private Path write(ModelAdapter adapter, String file, int block, long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, Safetensors.FloatTensor> tensors = new LinkedHashMap<>();
    Arena arena = Arena.ofAuto();
    adapter
        .tensors(FRAME)
        .forEach(
            (name, shape) -> {
              long elements = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
              MemorySegment data = arena.allocate(elements * Float.BYTES, 4);
              for (long i = 0; i < elements; i++) {
                double mean = name.contains("norm") && name.endsWith("weight") ? 1 : 0;
                DType.F32.set(data, i, (float) (mean + 0.3 * random.nextGaussian()));
              }
              tensors.put(
                  adapter.prefix(block) + name,
                  new Safetensors.FloatTensor(Arrays.stream(shape).boxed().toList(), data));
            });
    Path path = directory.resolve(file);
    Safetensors.write(path, tensors, Map.of());
    return path;
  }

  private static Generation generation(String attention) {
    return new Generation(
        LvsaConfig.of(
            Map.of(
                "DIFFUSION_ATTENTION_BACKEND", attention,
                "LVSA_BACKEND", "vector",
                "LVSA_PATCHES_PER_FRAME", "6",
                "LVSA_WINDOW_SIZE", "4",
                "LVSA_REFERENCE_LATENT_FRAMES", "5"),
            Map.of(),
            line -> {}),
        OptionalInt.of(FRAMES),
        line -> {});
  }

  // ---- the equations

  private static double[][] matrix(INDArray x) {
    return x.castTo(DataType.DOUBLE).toDoubleMatrix();
  }

  private static double[] vector(INDArray x) {
    return x.castTo(DataType.DOUBLE).toDoubleVector();
  }

  private static double[][] linear(Map<String, INDArray> w, String name, double[][] x) {
    double[][] weight = matrix(w.get(name + ".weight"));
    double[] bias = vector(w.get(name + ".bias"));
    double[][] out = new double[x.length][weight.length];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < weight.length; o++) {
        out[t][o] = bias[o];
        for (int i = 0; i < x[t].length; i++) {
          out[t][o] += x[t][i] * weight[o][i];
        }
      }
    }
    return out;
  }

  /** RMS norm (without bias) or layer norm (with) over stretches as long as the weight. */
  private static double[][] norm(double[][] x, double[] weight, double[] bias) {
    double[][] out = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      out[t] = x[t].clone();
      for (int at = 0; at < out[t].length; at += weight.length) {
        double mean = 0;
        for (int i = 0; i < weight.length && bias != null; i++) {
          mean += out[t][at + i] / weight.length;
        }
        double square = 0;
        for (int i = 0; i < weight.length; i++) {
          square += Math.pow(out[t][at + i] - mean, 2) / weight.length;
        }
        for (int i = 0; i < weight.length; i++) {
          double scaled = (out[t][at + i] - mean) / Math.sqrt(square + 1e-6) * weight[i];
          out[t][at + i] = scaled + (bias == null ? 0 : bias[i]);
        }
      }
    }
    return out;
  }

  private static double[][] rotate(double[][] x) {
    double[][] out = new double[x.length][];
    int[] axes = {4, 4, 4};
    for (int t = 0; t < x.length; t++) {
      out[t] = x[t].clone();
      int[] place = {t / 6, t % 6 / 3, t % 3};
      for (int head = 0; head < out[t].length; head += 12) {
        int at = head;
        for (int axis = 0; axis < 3; axis++) {
          for (int i = 0; i < axes[axis]; i += 2, at += 2) {
            double angle = place[axis] * Math.pow(100, -(double) i / axes[axis]);
            double a = out[t][at];
            double b = out[t][at + 1];
            out[t][at] = a * Math.cos(angle) - b * Math.sin(angle);
            out[t][at + 1] = a * Math.sin(angle) + b * Math.cos(angle);
          }
        }
      }
    }
    return out;
  }

  /** Attention of two heads; the first {@code video} tokens follow the layout, text sees all. */
  private static double[][] attention(
      double[][] q, double[][] k, double[][] v, BlockSparseLayout layout, int video) {
    double[][] out = new double[q.length][24];
    for (int t = 0; t < q.length; t++) {
      for (int head = 0; head < 24; head += 12) {
        double[] weights = new double[k.length];
        double total = 0;
        for (int o = 0; o < k.length; o++) {
          if (layout != null && t < video && o < video && !attends(layout, t / 6, o / 6)) {
            continue;
          }
          double score = 0;
          for (int d = head; d < head + 12; d++) {
            score += q[t][d] * k[o][d];
          }
          weights[o] = Math.exp(score / Math.sqrt(12));
          total += weights[o];
        }
        for (int o = 0; o < k.length; o++) {
          for (int d = head; d < head + 12; d++) {
            out[t][d] += weights[o] / total * v[o][d];
          }
        }
      }
    }
    return out;
  }

  private static boolean attends(BlockSparseLayout layout, int query, int key) {
    for (int i = layout.begin(query); i < layout.end(query); i++) {
      if (layout.index(i) == key) {
        return true;
      }
    }
    return false;
  }

  private static double[][] joined(double[][] a, double[][] b) {
    double[][] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }

  private static double[][][] expected(
      String model,
      Map<String, INDArray> w,
      double[][] x,
      double[][] text,
      BlockSparseLayout sparse) {
    int video = x.length;
    switch (model) {
      case "wan" -> {
        double[][] q =
            rotate(norm(linear(w, "attn1.to_q", x), vector(w.get("attn1.norm_q.weight")), null));
        double[][] k =
            rotate(norm(linear(w, "attn1.to_k", x), vector(w.get("attn1.norm_k.weight")), null));
        double[][] self =
            linear(w, "attn1.to_out.0", attention(q, k, linear(w, "attn1.to_v", x), sparse, video));
        double[][] seen = new double[video][24];
        for (int t = 0; t < video; t++) {
          for (int d = 0; d < 24; d++) {
            seen[t][d] = x[t][d] + self[t][d];
          }
        }
        double[][] cross =
            linear(
                w,
                "attn2.to_out.0",
                attention(
                    norm(linear(w, "attn2.to_q", seen), vector(w.get("attn2.norm_q.weight")), null),
                    norm(linear(w, "attn2.to_k", text), vector(w.get("attn2.norm_k.weight")), null),
                    linear(w, "attn2.to_v", text),
                    null,
                    0));
        for (int t = 0; t < video; t++) {
          for (int d = 0; d < 24; d++) {
            self[t][d] += cross[t][d];
          }
        }
        return new double[][][] {self, new double[text.length][24]};
      }
      case "hunyuanvideo" -> {
        double[][] q =
            rotate(norm(linear(w, "attn.to_q", x), vector(w.get("attn.norm_q.weight")), null));
        double[][] k =
            rotate(norm(linear(w, "attn.to_k", x), vector(w.get("attn.norm_k.weight")), null));
        double[][] tq =
            norm(
                linear(w, "attn.add_q_proj", text),
                vector(w.get("attn.norm_added_q.weight")),
                null);
        double[][] tk =
            norm(
                linear(w, "attn.add_k_proj", text),
                vector(w.get("attn.norm_added_k.weight")),
                null);
        double[][] v = joined(linear(w, "attn.to_v", x), linear(w, "attn.add_v_proj", text));
        double[][] out = attention(joined(q, tq), joined(k, tk), v, sparse, video);
        return new double[][][] {
          linear(w, "attn.to_out.0", Arrays.copyOf(out, video)),
          linear(w, "attn.to_add_out", Arrays.copyOfRange(out, video, out.length))
        };
      }
      default -> {
        double[] qw = vector(w.get("attn1.norm_q.weight"));
        double[] qb = vector(w.get("attn1.norm_q.bias"));
        double[] kw = vector(w.get("attn1.norm_k.weight"));
        double[] kb = vector(w.get("attn1.norm_k.bias"));
        double[][] q =
            joined(
                rotate(norm(linear(w, "attn1.to_q", x), qw, qb)),
                norm(linear(w, "attn1.to_q", text), qw, qb));
        double[][] k =
            joined(
                rotate(norm(linear(w, "attn1.to_k", x), kw, kb)),
                norm(linear(w, "attn1.to_k", text), kw, kb));
        double[][] v = joined(linear(w, "attn1.to_v", x), linear(w, "attn1.to_v", text));
        double[][] out = linear(w, "attn1.to_out.0", attention(q, k, v, sparse, video));
        return new double[][][] {
          Arrays.copyOf(out, video), Arrays.copyOfRange(out, video, out.length)
        };
      }
    }
  }

  private static void assertClose(double[][] expected, INDArray actual) {
    double[][] got = matrix(actual);
    assertEquals(expected.length, got.length);
    for (int t = 0; t < expected.length; t++) {
      for (int d = 0; d < 24; d++) {
        assertEquals(expected[t][d], got[t][d], 2e-4, "token " + t + " feature " + d);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan, SDPA",
    "wan, LVSA",
    "hunyuanvideo, SDPA",
    "hunyuanvideo, LVSA",
    "cogvideox, SDPA",
    "cogvideox, LVSA"
  })
  void theBlockIsItsEquations(String model, String attention) throws IOException {
    ModelAdapter adapter = ModelAdapter.of(model);
    Path file = write(adapter, "model.safetensors", 3, 7);
    Nd4j.getRandom().setSeed(11);
    INDArray video = Nd4j.randn(DataType.FLOAT, FRAMES * 6, 24);
    INDArray text = Nd4j.randn(DataType.FLOAT, TEXT, 24);
    try (Weights weights = new Weights(file);
        Generation generation = generation(attention)) {
      Map<String, INDArray> tensors = weights.block(adapter.prefix(3), adapter.tensors(FRAME));
      Streams out = adapter.attend(generation, "b3", FRAME, tensors, new Streams(video, text));
      Pattern pattern = Pattern.build(PatternSettings.of(FRAMES, 6, 1, 1, 5, 1.0));
      assertTrue(pattern.density() < 0.8);
      double[][][] expected =
          expected(
              model,
              tensors,
              matrix(video),
              matrix(text),
              attention.equals("LVSA") ? pattern.layout() : null);
      assertClose(expected[0], out.video());
      assertClose(expected[1], out.text());
    }
  }

  @Test
  void shardsAreFoundThroughTheIndex() throws IOException {
    ModelAdapter adapter = new WanAdapter();
    write(adapter, "diffusion-00001-of-00002.safetensors", 0, 1);
    write(adapter, "diffusion-00002-of-00002.safetensors", 1, 2);
    StringBuilder map = new StringBuilder();
    for (int block = 0; block < 2; block++) {
      for (String name : adapter.tensors(FRAME).keySet()) {
        map.append(map.isEmpty() ? "" : ",")
            .append(
                "\"%s\": \"diffusion-0000%d-of-00002.safetensors\""
                    .formatted(adapter.prefix(block) + name, block + 1));
      }
    }
    Path index = directory.resolve("diffusion.safetensors.index.json");
    Files.writeString(index, "{\"weight_map\": {" + map + "}}");
    try (Weights weights = new Weights(directory)) {
      Map<String, INDArray> first = weights.block("blocks.0.", adapter.tensors(FRAME));
      Map<String, INDArray> second = weights.block("blocks.1.", adapter.tensors(FRAME));
      assertEquals(adapter.tensors(FRAME).keySet(), first.keySet());
      assertTrue(!first.get("attn1.to_q.weight").equals(second.get("attn1.to_q.weight")));
    }
    Files.writeString(
        index, "{\"weight_map\": {\"blocks.9.x\": \"diffusion-00001-of-00002.safetensors\"}}");
    assertTrue(
        assertThrows(MalformedFileException.class, () -> new Weights(directory))
            .getMessage()
            .contains("says that blocks.9.x is in"));
  }

  @Test
  void missingExtraAndMisshapenTensorsAreNamed() throws IOException {
    ModelAdapter wan = new WanAdapter();
    Path file = write(wan, "wan.safetensors", 0, 1);
    try (Weights weights = new Weights(file)) {
      Map<String, long[]> more = new LinkedHashMap<>(wan.tensors(FRAME));
      more.put("attn1.norm_x.weight", new long[] {24});
      assertEquals(file + ": missing tensor blocks.0.attn1.norm_x.weight", message(weights, more));
      Map<String, long[]> fewer = new LinkedHashMap<>(wan.tensors(FRAME));
      fewer.remove("attn2.to_v.bias");
      assertEquals(file + ": unexpected tensor blocks.0.attn2.to_v.bias", message(weights, fewer));
      Map<String, long[]> other = new LinkedHashMap<>(wan.tensors(FRAME));
      other.put("attn1.to_q.bias", new long[] {25});
      assertEquals(
          file + ": tensor blocks.0.attn1.to_q.bias must be [25], got [24]",
          message(weights, other));
    }
    assertThrows(
        MalformedFileException.class, () -> new Weights(directory.resolve("none.safetensors")));
    Path empty = Files.createDirectory(directory.resolve("empty"));
    assertTrue(
        assertThrows(MalformedFileException.class, () -> new Weights(empty))
            .getMessage()
            .endsWith("no safetensors file and no index in it"));
  }

  private static String message(Weights weights, Map<String, long[]> shapes) {
    return assertThrows(MalformedFileException.class, () -> weights.block("blocks.0.", shapes))
        .getMessage();
  }

  @Test
  void anUnknownModelIsRefused() {
    List<String> known =
        new ArrayList<>(List.of("wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"));
    known.forEach(ModelAdapter::of);
    assertEquals(
        "model must be a Wan, HunyuanVideo or CogVideoX one, got mochi",
        assertThrows(IllegalArgumentException.class, () -> ModelAdapter.of("mochi")).getMessage());
  }
}
