// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.offload.OffloadableComponents.Component;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.factory.Nd4j;

/** Blocks that take turns, with weights large enough that Linux shows which are in memory. */
class BlockTurnsTest {
  private static final int BLOCKS = 6;
  private static final long FLOATS = 1 << 20;
  private static final long BYTES = FLOATS * Float.BYTES;
  private static final long REST = 64 * Float.BYTES;

  @TempDir private Path directory;
  private Weights weights;
  private Pipeline pipeline;

  /** A pipeline of one component or several. */
  private record Pipeline(
      Map<String, Weights> open, List<String> transformers, List<String> blockLists)
      implements OffloadableComponents {
    @Override
    public List<String> encoders() {
      return List.of("text_encoder");
    }

    @Override
    public List<String> vaes() {
      return List.of();
    }

    @Override
    public Optional<Component> component(String name) {
      return name.equals("text_encoder")
          ? Optional.of(new Component.OpenedPerUse(1 << 20))
          : Optional.ofNullable(open.get(name)).map(Component.Open::new);
    }
  }

  @BeforeEach
  void write() throws IOException {
    Map<String, FloatTensor> tensors = new LinkedHashMap<>();
    try (Arena arena = Arena.ofConfined()) {
      for (int block = 0; block < BLOCKS; block++) {
        MemorySegment data = arena.allocate(BYTES, Float.BYTES);
        data.setAtIndex(ValueLayout.JAVA_FLOAT, FLOATS - 1, block + 1);
        tensors.put("blocks." + block + ".linear.weight", new FloatTensor(List.of(FLOATS), data));
      }
      tensors.put("head.weight", new FloatTensor(List.of(64L), arena.allocate(REST, Float.BYTES)));
      Safetensors.write(directory.resolve("model.safetensors"), tensors, Map.of());
    }
    weights = Weights.open(directory);
    pipeline =
        new Pipeline(
            Map.of("transformer", weights), List.of("transformer"), List.of("transformer.blocks"));
  }

  @AfterEach
  void close() {
    weights.close();
  }

  private float last(int block) {
    return weights
        .get("blocks." + block + ".linear.weight")
        .data()
        .get(ValueLayout.JAVA_FLOAT_UNALIGNED, BYTES - Float.BYTES);
  }

  private static BlockList list(IntConsumer block) {
    return new BlockList(
        "blocks",
        BLOCKS,
        ForwardPattern.PATTERN_2,
        Nd4j.zeros(1),
        Optional.empty(),
        block,
        () -> Nd4j.zeros(1));
  }

  private BlockTurns turns(Residency residency) {
    Components components = Components.of(pipeline, line -> {});
    return new BlockTurns(components.transformers(), components.blocks(), residency);
  }

  /** Waits until the reading of the next block has begun: a block here is faster than a thread. */
  private static void awaitNext(Residency residency, int block) {
    String next = "transformer.blocks." + (block + 1) % BLOCKS;
    assertTimeoutPreemptively(
        Duration.ofMinutes(1),
        () -> {
          while (!residency.has(next)) {
            Thread.onSpinWait();
          }
        },
        next + " is not read ahead");
  }

  @Test
  void twoBlocksAreThereAtATime() throws IOException {
    Residency residency = new Residency();
    List<Float> read = new ArrayList<>();
    List<Long> resident = new ArrayList<>();
    try (BlockTurns turns = turns(residency)) {
      turns.begin("transformer");
      BlockRunner runner = turns.around(BlockRunner.ALL);
      for (int step = 0; step < 2; step++) {
        runner.run(
            list(
                block -> {
                  awaitNext(residency, block);
                  read.add(last(block));
                  resident.add(mapped());
                }));
      }
      assertEquals(2, residency.mostBlocks());
      assertEquals(2 * BYTES + REST, residency.most());
    }
    assertEquals(List.of(1f, 2f, 3f, 4f, 5f, 6f, 1f, 2f, 3f, 4f, 5f, 6f), read);
    if (resident.getFirst() >= 0) {
      // Linux maps some pages around one that is read, so a little more may be there.
      long most = resident.stream().mapToLong(Long::longValue).max().orElseThrow();
      assertTrue(most <= 2 * BYTES + (1 << 20), most + " bytes are in memory");
      assertTrue(mapped() <= 1 << 20, "what is left at the end: " + mapped());
    }
  }

  @Test
  void aCacheMayLeaveBlocksOut() {
    Residency residency = new Residency();
    List<Integer> ran = new ArrayList<>();
    BlockRunner everyThird =
        blocks -> {
          for (int block = 0; block < blocks.size(); block += 3) {
            blocks.run(block);
          }
        };
    try (BlockTurns turns = turns(residency)) {
      turns.begin("transformer");
      for (int step = 0; step < 3; step++) {
        turns
            .around(everyThird)
            .run(
                list(
                    block -> {
                      ran.add(block);
                      awaitNext(residency, block);
                      assertTrue(residency.has("transformer.blocks." + block));
                    }));
      }
    }
    assertEquals(List.of(0, 3, 0, 3, 0, 3), ran);
    assertEquals(2, residency.mostBlocks());
  }

  @Test
  void aBlockThatFailsIsLetGoToo() {
    Residency residency = new Residency();
    try (BlockTurns turns = turns(residency)) {
      turns.begin("transformer");
      BlockRunner runner = turns.around(BlockRunner.ALL);
      BlockList failing =
          list(
              block -> {
                throw new IllegalStateException("block " + block);
              });
      assertThrows(IllegalStateException.class, () -> runner.run(failing));
    }
    residency.restart();
    assertEquals(0, residency.most());
  }

  @Test
  void componentsAreFoundByNameOnce() {
    List<String> warnings = new ArrayList<>();
    Pipeline two =
        new Pipeline(
            Map.of("transformer", weights, "dit", weights),
            List.of("transformer", "dit", "transformer_2"),
            List.of("transformer.blocks", "transformer.double_blocks"));
    Components found = Components.of(two, warnings::add);
    assertEquals(List.of("transformer"), List.copyOf(found.transformers().keySet()));
    assertEquals(BLOCKS, found.blocks().get("transformer.blocks").size());
    assertEquals(
        List.of(
            "Pipeline declares 'transformer_2' as offloadable but the attribute does not exist or"
                + " is None",
            "Pipeline declares 'transformer.double_blocks' as offloadable but the attribute does"
                + " not exist or is None"),
        warnings);
  }

  @Test
  void weightsThatAreInMemoryOnlyAreRefused() {
    TensorShapes shapes = new TensorShapes();
    shapes.add("blocks.0.weight", 4);
    try (Weights random = Weights.random(shapes, 1)) {
      Pipeline its = new Pipeline(Map.of("transformer", random), List.of("transformer"), List.of());
      String said =
          assertThrows(IllegalArgumentException.class, () -> Components.of(its, line -> {}))
              .getMessage();
      assertTrue(said.contains("transformer are in memory only"), said);
    }
  }

  /** Bytes of the file that this process has in memory, as Linux tells; -1 where it does not. */
  private long mapped() {
    Path maps = Path.of("/proc/self/smaps");
    if (!Files.isReadable(maps)) {
      return -1;
    }
    try {
      long bytes = 0;
      boolean ours = false;
      for (String line : Files.readAllLines(maps)) {
        if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
          ours = line.endsWith(directory.resolve("model.safetensors").toString());
        } else if (ours && line.startsWith("Rss:")) {
          bytes += Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
      return bytes;
    } catch (IOException e) {
      Assumptions.abort("/proc/self/smaps cannot be read: " + e);
      return -1;
    }
  }
}
