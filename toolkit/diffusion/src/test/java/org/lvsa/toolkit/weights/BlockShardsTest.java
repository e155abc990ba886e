// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.Loopback;
import org.lvsa.toolkit.parallel.Patience;
import org.lvsa.toolkit.parallel.RankProcesses;
import org.lvsa.toolkit.parallel.RunSecret;
import org.lvsa.toolkit.tensor.TensorType;

class BlockShardsTest {
  private static final Patience PATIENCE =
      new Patience(Duration.ofSeconds(60), Duration.ofSeconds(60));
  private static final int BLOCKS = 16;
  private static final int BLOCK = 8 << 20;
  private static final int WORLD = 2;

  private static WeightTensor bytes(String name, TensorType type, long elements, Random random) {
    byte[] data = new byte[Math.toIntExact(elements * type.bits() / 8)];
    random.nextBytes(data);
    return new WeightTensor(name, type, List.of(elements), MemorySegment.ofArray(data));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5})
  void gatheredBlocksHaveTheBitsThatAreStored(int world, @TempDir Path folder) throws Exception {
    // Any bytes: also those that are no number.
    Random random = new Random();
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (int block = 0; block < 11; block++) {
      String prefix = "blocks." + block + ".";
      tensors.put(prefix + "a", bytes(prefix + "a", TensorType.BF16, 1 + block, random));
      tensors.put(prefix + "b", bytes(prefix + "b", TensorType.F32, 700_001, random));
    }
    tensors.put("head", bytes("head", TensorType.F32, 3, random));
    TestWeights.write(folder.resolve("diffusion_pytorch_model.safetensors"), tensors);
    try (Weights weights = Weights.open(folder)) {
      InProcess.run(
          world,
          rank -> {
            BlockShards shards = new BlockShards(weights, "blocks", 11, rank);
            // A block is 64 bytes and 700,001 numbers, which end at a multiple of 64.
            long part = Math.ceilDiv(Math.ceilDiv(64 + 2_800_064L, world), 64) * 64;
            assertEquals(11 * part, shards.bytes());
            for (int block : new int[] {0, 10, 1}) {
              long before = rank.bytesSent();
              try (Weights gathered = shards.gather(block)) {
                assertEquals(
                    List.of("blocks." + block + ".a", "blocks." + block + ".b"),
                    List.copyOf(gathered.names()));
                for (String name : gathered.names()) {
                  WeightTensor expected = tensors.get(name);
                  WeightTensor actual = gathered.get(name);
                  assertEquals(expected.type(), actual.type());
                  assertEquals(expected.shape(), actual.shape());
                  assertArrayEquals(
                      expected.data().toArray(ValueLayout.JAVA_BYTE),
                      actual.data().toArray(ValueLayout.JAVA_BYTE));
                }
              }
              assertEquals((world - 1) * part, rank.bytesSent() - before);
              assertEquals((world - 1) * part, shards.bytesSent(block));
            }
            return null;
          });
    }
  }

  @Test
  void weightsInMemoryAreRefused() {
    try (Weights weights = Weights.random(new TensorShapes().add("blocks.0.a", 4, 4), 1)) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> new BlockShards(weights, "blocks", 1, Communicator.alone()))
              .getMessage();
      assertTrue(message.startsWith("--use-hsdp needs weights in files"), message);
    }
  }

  /** A rank as a program, with little heap so that the weights are what it holds. */
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
      try (Communicator ranks =
          Loopback.join(
              Integer.parseInt(arguments[0]),
              WORLD,
              Integer.parseInt(arguments[1]),
              RunSecret.of(System.getenv()),
              PATIENCE)) {
        ranks.work(others -> measure(Path.of(arguments[2]), others));
      }
    }
  }

  /**
   * Runs over all blocks twice.
   *
   * @return KiB that the process has more of after the blocks than before the weights, by the
   *     program of rank 1
   */
  private static float[] measure(Path folder, Communicator ranks) throws IOException {
    float most = 0;
    ranks.allGather(new float[1 << 18]);
    float before = resident();
    try (Weights weights = Weights.open(folder)) {
      BlockShards shards = new BlockShards(weights, "blocks", BLOCKS, ranks);
      for (int run = 0; run < 2; run++) {
        for (int block = 0; block < BLOCKS; block++) {
          try (Weights gathered = shards.gather(block)) {
            gathered.get("blocks." + block + ".a").floats();
            most = Math.max(most, resident());
          }
        }
      }
    }
    return ranks.allGather(new float[] {most - before})[1];
  }

  /** KiB of the process in memory, those of mapped files included. */
  private static float resident() throws IOException {
    return ProcStatus.bytes("VmRSS") / 1024f;
  }

  @Tag("full")
  @Test
  void aProcessHoldsItsPartAndOneBlock(@TempDir Path folder) throws Exception {
    ProcStatus.assumePresent();
    Random random = new Random(1);
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (int block = 0; block < BLOCKS; block++) {
      tensors.put(
          "blocks." + block + ".a",
          bytes("blocks." + block + ".a", TensorType.F32, 1 << 10, random));
      tensors.put(
          "blocks." + block + ".b",
          bytes("blocks." + block + ".b", TensorType.F32, BLOCK / 4 - (1 << 10), random));
    }
    TestWeights.write(folder.resolve("diffusion_pytorch_model.safetensors"), tensors);
    float kib =
        RankProcesses.run(
            WORLD,
            PATIENCE,
            (rank, port) -> new ProcessBuilder(command(rank, port, folder)),
            r -> measure(folder, r))[0];
    float part = BLOCKS * BLOCK / WORLD / 1024f;
    float block = BLOCK / 1024f;
    System.out.printf(
        "a rank of %d holds %.1f MiB of %d MiB: its part is %.0f MiB, a block %.0f MiB%n",
        WORLD, kib / 1024, BLOCKS * BLOCK >> 20, part / 1024, block / 1024);
    assertTrue(kib >= part, kib + " KiB");
    // Pieces on their way and the JVM's own, within the heap of 24 MiB.
    assertTrue(kib <= part + block + 28 * 1024, kib + " KiB");
  }

  private static List<String> command(int rank, int port, Path folder) {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-Xms24m",
            "-Xmx24m",
            "-XX:+AlwaysPreTouch",
            "-XX:MaxDirectMemorySize=1g"));
    line.addAll(List.of("-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"));
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    line.addAll(List.of("" + rank, "" + port, folder.toString()));
    return line;
  }
}
