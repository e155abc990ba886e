// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.lvsa.toolkit.parallel.Communicator;

/**
 * The weights of a transformer's blocks, of which each of several ranks holds an equal part in its
 * own memory. A block is gathered from all ranks before it runs, and let go afterwards: a rank
 * holds its part of all blocks and one whole block (the hybrid sharding of PyTorch's FSDP, Zhao et
 * al. 2023, arXiv 2304.11277).
 *
 * <p>A block's tensors lie one after another as they are stored, each at a multiple of 64 bytes;
 * the ranks' parts follow one another. What was mapped from a file is let go once it is copied.
 */
public final class BlockShards {
  private static final int ALIGNMENT = 64;

  /** Numbers of float32 sent at a time, so that no second copy of a block is held on the way. */
  private static final int PIECE = 1 << 18;

  private final Communicator ranks;
  private final List<Block> blocks = new ArrayList<>();
  private final Arena arena = Arena.ofAuto();

  /** One block: this rank's part, and how the whole divides into tensors. */
  private record Block(List<WeightTensor> tensors, long[] offsets, MemorySegment mine) {}

  /**
   * Copies this rank's part of each block.
   *
   * @param list name of the list of blocks, such as {@code blocks}
   * @param count number of blocks
   * @param ranks those that hold the parts
   * @throws IllegalArgumentException if the weights are in memory only, as random ones are
   */
  public BlockShards(Weights weights, String list, int count, Communicator ranks) {
    this.ranks = ranks;
    for (int block = 0; block < count; block++) {
      String prefix = list + "." + block + ".";
      blocks.add(
          shard(
              weights.names().stream()
                  .filter(n -> n.startsWith(prefix))
                  .map(weights::get)
                  .toList()));
    }
  }

  private Block shard(List<WeightTensor> tensors) {
    long[] offsets = new long[tensors.size()];
    long end = 0;
    for (int i = 0; i < offsets.length; i++) {
      if (!tensors.get(i).data().isMapped()) {
        throw new IllegalArgumentException(
            "--use-hsdp needs weights in files, to let go what other ranks hold: give --model DIR"
                + " in place of --random-weights");
      }
      offsets[i] = end;
      end = aligned(end + tensors.get(i).data().byteSize());
    }
    long part = aligned(Math.ceilDiv(end, ranks.world()));
    MemorySegment mine = arena.allocate(part, ALIGNMENT);
    long first = part * ranks.rank();
    for (int i = 0; i < offsets.length; i++) {
      MemorySegment data = tensors.get(i).data();
      long from = Math.max(first, offsets[i]);
      long to = Math.min(first + part, offsets[i] + data.byteSize());
      if (from < to) {
        MemorySegment.copy(data, from - offsets[i], mine, from - first, to - from);
      }
      data.unload();
    }
    return new Block(tensors, offsets, mine);
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  /** Bytes that this rank holds of all blocks. */
  public long bytes() {
    return blocks.stream().mapToLong(block -> block.mine().byteSize()).sum();
  }

  /** Bytes that a rank sends to gather a block: its part, to each other rank. */
  long bytesSent(int block) {
    return (ranks.world() - 1L) * blocks.get(block).mine().byteSize();
  }

  /**
   * Gathers a block from all ranks. Every rank has to call it.
   *
   * @return its tensors, to close when the block has run
   */
  public Weights gather(int block) {
    Block its = blocks.get(block);
    long part = its.mine().byteSize();
    Arena whole = Arena.ofShared();
    try {
      MemorySegment memory = whole.allocate(part * ranks.world(), ALIGNMENT);
      for (long at = 0; at < part; at += (long) PIECE * Float.BYTES) {
        long length = Math.min((long) PIECE * Float.BYTES, part - at);
        // The bytes travel as they are, whatever numbers they stand for.
        float[] mine = its.mine().asSlice(at, length).toArray(ValueLayout.JAVA_FLOAT);
        float[][] pieces = ranks.allGather(mine);
        for (int rank = 0; rank < pieces.length; rank++) {
          MemorySegment.copy(
              MemorySegment.ofArray(pieces[rank]), 0, memory, rank * part + at, length);
        }
      }
      Map<String, WeightTensor> tensors = new TreeMap<>();
      for (int i = 0; i < its.tensors().size(); i++) {
        WeightTensor tensor = its.tensors().get(i);
        MemorySegment data = memory.asSlice(its.offsets()[i], tensor.data().byteSize());
        tensors.put(
            tensor.name(), new WeightTensor(tensor.name(), tensor.type(), tensor.shape(), data));
      }
      return new Weights("block " + block + " gathered from ranks", tensors, whole);
    } catch (RuntimeException e) {
      whole.close();
      throw e;
    }
  }
}
