// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Assumptions;

/**
 * A run that the published Python implementation recorded: its tensors, and a JSON file with its
 * settings and with how much each tensor differs between float32 and float64.
 *
 * <p>Small runs are part of the checkout, packed; the others lie in a folder beside it, and a test
 * that needs one of those is skipped where the folder is absent. Read here without the product's
 * reader, which takes fewer types.
 */
public final class GoldenRun {
  private static final Path SHARED = Path.of("../../../shared/golden/pipelines");
  private static final double LEAST_TOLERANCE = 1e-6;

  private final String name;
  private final JsonNode json;
  private final JsonNode header;
  private final ByteBuffer data;

  private GoldenRun(String name, JsonNode json, byte[] file) throws IOException {
    this.name = name;
    this.json = json;
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int length = Math.toIntExact(bytes.getLong(0));
    header = new ObjectMapper().readTree(file, Long.BYTES, length);
    data =
        bytes
            .slice(Long.BYTES + length, file.length - Long.BYTES - length)
            .order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Opens a run, for instance {@code wan/vae}; the test is skipped where there is none. */
  public static GoldenRun open(String name) throws IOException {
    byte[] json = bytes(name + ".json");
    return new GoldenRun(name, new ObjectMapper().readTree(json), bytes(name + ".safetensors"));
  }

  /** A JSON file alone, for instance {@code wan_lvsa/pattern_tables}. */
  public static JsonNode table(String name) throws IOException {
    return new ObjectMapper().readTree(bytes(name + ".json"));
  }

  /** A file of a model's folder, unpacked to {@code directory} where it comes from the checkout. */
  public static Path file(String name, Path directory) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    Files.write(file, bytes(name));
    return file;
  }

  /**
   * A component's folder: {@code config.json} and the weights, single or in the shards that the
   * index names.
   *
   * @param name for instance {@code wan/model/transformer}
   * @param directory files are unpacked there, under the same name
   */
  public static Path component(String name, Path directory) throws IOException {
    Path config = file(name + "/config.json", directory);
    if (has(name + "/model.safetensors")) {
      file(name + "/model.safetensors", directory);
    } else if (has(name + "/diffusion_pytorch_model.safetensors")) {
      file(name + "/diffusion_pytorch_model.safetensors", directory);
    } else {
      Path index = file(name + "/diffusion_pytorch_model.safetensors.index.json", directory);
      TreeSet<String> shards = new TreeSet<>();
      new ObjectMapper()
          .readTree(index.toFile())
          .get("weight_map")
          .forEach(shard -> shards.add(shard.textValue()));
      for (String shard : shards) {
        file(name + "/" + shard, directory);
      }
    }
    return config.getParent();
  }

  /**
   * The whole folder of the tiny Wan model.
   *
   * @param directory files are unpacked there
   */
  public static Path wanModel(Path directory) throws IOException {
    return model("wan/model/", directory);
  }

  private static Path model(String model, Path directory) throws IOException {
    for (String component : new String[] {"transformer", "vae", "text_encoder"}) {
      component(model + component, directory);
    }
    file(model + "tokenizer/tokenizer.json", directory);
    file(model + "tokenizer/tokenizer_config.json", directory);
    file(model + "scheduler/scheduler_config.json", directory);
    return file(model + "model_index.json", directory).getParent();
  }

  /**
   * A whole folder, for instance {@code wan_i2v/model}, with all that lies in it.
   *
   * @param directory files are copied there, under the same name
   */
  public static Path folder(String name, Path directory) throws IOException {
    Path from = SHARED.resolve(name);
    Assumptions.assumeTrue(
        Files.isDirectory(from), () -> "skipped: no golden data at " + from.toAbsolutePath());
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        file(name + "/" + from.relativize(file), directory);
      }
    }
    return directory.resolve(name);
  }

  /**
   * The whole folder of the tiny CogVideoX model.
   *
   * @param directory files are unpacked there
   */
  public static Path cogVideoXModel(Path directory) throws IOException {
    return model("cogvideox/model/", directory);
  }

  private static boolean has(String name) {
    return GoldenRun.class.getResource("/golden/pipelines/" + name + ".gz") != null
        || Files.isRegularFile(SHARED.resolve(name));
  }

  /** The whole file beside the checkout where it is, else what the checkout has of it. */
  private static byte[] bytes(String name) throws IOException {
    Path file = SHARED.resolve(name);
    if (Files.isRegularFile(file)) {
      return Files.readAllBytes(file);
    }
    try (InputStream in =
        GoldenRun.class.getResourceAsStream("/golden/pipelines/" + name + ".gz")) {
      Assumptions.assumeTrue(
          in != null, () -> "skipped: no golden data at " + file.toAbsolutePath());
      return new GZIPInputStream(in).readAllBytes();
    }
  }

  /** Skips the test where the checkout has only a part of the run, without a tensor. */
  public void assumeHas(String tensor) {
    Assumptions.assumeTrue(
        header.has(tensor), () -> "skipped: " + name + " without " + tensor + " in the checkout");
  }

  /** The settings and tables. */
  public JsonNode json() {
    return json;
  }

  /** Names of the tensors, sorted. */
  public List<String> names() {
    TreeSet<String> names = new TreeSet<>();
    header.fieldNames().forEachRemaining(names::add);
    names.remove("__metadata__");
    return List.copyOf(names);
  }

  /** A tensor's sizes, outermost first. */
  public int[] shape(String tensor) {
    return StreamSupport.stream(node(tensor).get("shape").spliterator(), false)
        .mapToInt(JsonNode::intValue)
        .toArray();
  }

  /** A float32 tensor's elements. */
  public float[] floats(String tensor) {
    assertEquals("F32", node(tensor).get("dtype").textValue(), tensor);
    float[] floats = new float[slice(tensor).remaining() / Float.BYTES];
    slice(tensor).asFloatBuffer().get(floats);
    return floats;
  }

  /** An int32 tensor's elements. */
  public int[] ints(String tensor) {
    assertEquals("I32", node(tensor).get("dtype").textValue(), tensor);
    int[] ints = new int[slice(tensor).remaining() / Integer.BYTES];
    slice(tensor).asIntBuffer().get(ints);
    return ints;
  }

  /** Whether the run has a tensor; what the checkout has of a run may lack some. */
  public boolean holds(String tensor) {
    return header.has(tensor);
  }

  /** A tensor of float32 or of int64, such as time steps, as float32. */
  public float[] floatsOrInts(String tensor) {
    if (node(tensor).get("dtype").textValue().equals("F32")) {
      return floats(tensor);
    }
    assertEquals("I64", node(tensor).get("dtype").textValue(), tensor);
    float[] floats = new float[slice(tensor).remaining() / Long.BYTES];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = slice(tensor).getLong(i * Long.BYTES);
    }
    return floats;
  }

  /** A tensor of float64. */
  public double[] doubles(String tensor) {
    assertEquals("F64", node(tensor).get("dtype").textValue(), tensor);
    double[] doubles = new double[slice(tensor).remaining() / Double.BYTES];
    slice(tensor).asDoubleBuffer().get(doubles);
    return doubles;
  }

  /** A tensor of bytes. */
  public byte[] unsigned(String tensor) {
    assertEquals("U8", node(tensor).get("dtype").textValue(), tensor);
    byte[] bytes = new byte[slice(tensor).remaining()];
    slice(tensor).get(bytes);
    return bytes;
  }

  /**
   * Compares with a recorded tensor: root of the mean square of the difference over that of the
   * tensor at most ten times what float32 and float64 differ by, or 1e-6. NaN and infinities must
   * stand where they were recorded.
   *
   * @return the relative difference
   */
  public double check(String tensor, float[] actual) {
    double recorded = json.path("tolerance_f32_vs_f64").path(tensor).path("rms_rel").asDouble(0);
    return check(tensor, actual, Math.max(10 * recorded, LEAST_TOLERANCE));
  }

  /**
   * As {@link #check(String, float[])}, but a difference up to {@code least} always passes: for
   * what lies behind an embedding of the time step, which float32 itself leaves uncertain.
   *
   * @return the relative difference
   */
  public double checkAtLeast(String tensor, float[] actual, double least) {
    double recorded = json.path("tolerance_f32_vs_f64").path(tensor).path("rms_rel").asDouble(0);
    return check(tensor, actual, Math.max(10 * recorded, least));
  }

  /**
   * Compares frames with recorded bytes: at most one level off, in less than one of a hundred
   * values.
   *
   * @param frames {@code [height, width, 3]} each
   */
  public void checkBytes(String tensor, byte[][] frames) {
    byte[] expected = unsigned(tensor);
    int differ = 0;
    for (int e = 0; e < expected.length; e++) {
      int frame = e / frames[0].length;
      int actual = Byte.toUnsignedInt(frames[frame][e % frames[0].length]);
      int difference = Math.abs(actual - Byte.toUnsignedInt(expected[e]));
      assertTrue(difference <= 1, tensor + " element " + e + " differs by " + difference);
      differ += difference;
    }
    assertTrue(differ * 100 < expected.length, tensor + ": " + differ + " of " + expected.length);
  }

  private double check(String tensor, float[] actual, double tolerance) {
    float[] expected = floats(tensor);
    String where = name + " " + tensor;
    assertEquals(expected.length, actual.length, where + ": number of elements");
    double difference = 0;
    double size = 0;
    for (int e = 0; e < expected.length; e++) {
      if (!Float.isFinite(expected[e])) {
        assertEquals(expected[e], actual[e], where + " element " + e);
        continue;
      }
      assertTrue(Float.isFinite(actual[e]), where + " element " + e + " is " + actual[e]);
      difference += Math.pow((double) actual[e] - expected[e], 2);
      size += Math.pow(expected[e], 2);
    }
    double relative = size == 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
    assertTrue(
        relative <= tolerance,
        () ->
            String.format(
                Locale.ROOT, "%s differs by %.3g, allowed is %.3g", where, relative, tolerance));
    return relative;
  }

  /**
   * Compares recorded frames of bytes: at most one level, in less than one per cent of the values.
   *
   * @return the share of the values that differ
   */
  public double checkFrames(String tensor, List<byte[]> frames) {
    byte[] expected = unsigned(tensor);
    assertEquals(shape(tensor)[1], frames.size(), name + ": frames");
    int differ = 0;
    int at = 0;
    for (byte[] frame : frames) {
      for (byte value : frame) {
        int difference = Math.abs((value & 0xFF) - (expected[at++] & 0xFF));
        assertTrue(difference <= 1, name + ": a value differs by " + difference);
        differ += difference;
      }
    }
    assertEquals(expected.length, at, name + ": values");
    assertTrue(differ < 0.01 * at, name + ": " + differ + " of " + at + " values differ");
    return (double) differ / at;
  }

  private JsonNode node(String tensor) {
    JsonNode node = header.get(tensor);
    assertTrue(node != null, () -> name + " has no tensor " + tensor);
    return node;
  }

  private ByteBuffer slice(String tensor) {
    JsonNode offsets = node(tensor).get("data_offsets");
    int begin = offsets.get(0).intValue();
    return data.slice(begin, offsets.get(1).intValue() - begin).order(ByteOrder.LITTLE_ENDIAN);
  }
}
