// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.lvsa.kernels.transformer.BlockLoop.Attention;
import org.lvsa.kernels.transformer.BlockLoop.Pass;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Outputs of attentions that are kept on the device, each block's for itself, and taken again in
 * later passes in place of new ones. One compiled graph runs every block, so tasks cannot be left
 * out of it: where outputs are taken again, the tasks that would compute them run with the threads
 * of one work-group, and what these write is overwritten. Calls of libraries have no threads of
 * their own and run as ever.
 *
 * @param <A> the array type of activations
 */
final class KeptOutputs<A extends TornadoNativeArray> {
  private static final int NOTHING = 0;
  private static final int KEEP = 1;
  private static final int TAKE = 2;

  private final Set<Attention> kinds;
  private final int blocks;
  private final int size;
  private final Activations<A> activations;
  private final IntArray command = new IntArray(2 * Attention.values().length);
  private final Map<Attention, List<WeightPart<A>>> kept = new EnumMap<>(Attention.class);
  private final Map<Attention, List<Size>> sizes = new EnumMap<>(Attention.class);

  /** The threads of a task: all, and those of one work-group. */
  private record Size(WorkerGrid grid, long[] all, long[] one) {
    static Size of(WorkerGrid grid) {
      return new Size(grid, grid.getGlobalWork().clone(), grid.getLocalWork().clone());
    }

    void set(boolean whole) {
      long[] threads = whole ? all : one;
      grid.setGlobalWork(threads[0], threads[1], threads[2]);
    }
  }

  KeptOutputs(TransformerShape shape, TransformerVideo video, Activations<A> activations) {
    this.activations = activations;
    kinds = kinds(shape, video);
    blocks = shape.layers();
    size = Math.toIntExact(elements(shape, video));
    int places = Pass.OUTPUT_SETS * blocks;
    int perPart = Math.toIntExact(Math.min(places, BlockWeights.MOST / size));
    for (Attention kind : kinds) {
      List<WeightPart<A>> parts = new ArrayList<>();
      for (int first = 0; first < places; first += perPart) {
        int count = Math.min(perPart, places - first);
        parts.add(new WeightPart<>(activations.array((long) count * size), first, count, size));
      }
      kept.put(kind, parts);
    }
  }

  /** Those kinds that the transformer has. */
  private static Set<Attention> kinds(TransformerShape shape, TransformerVideo video) {
    Set<Attention> kinds = new HashSet<>(video.outputs());
    if (shape.blocks().joint()) {
      kinds.remove(Attention.CROSS);
    }
    return kinds;
  }

  /** Numbers of an output: of the video's tokens, and of those that attend together with them. */
  private static long elements(TransformerShape shape, TransformerVideo video) {
    return ((long) video.tokens() + video.jointTokens(shape)) * shape.width();
  }

  /** Bytes of device memory. */
  static long bytes(TransformerShape shape, TransformerVideo video, int elementBytes) {
    return (long) kinds(shape, video).size()
        * Pass.OUTPUT_SETS
        * shape.layers()
        * elements(shape, video)
        * elementBytes;
  }

  /** Adds what is sent to the device. */
  void send(GraphTasks tasks) {
    if (!kinds.isEmpty()) {
      tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, command);
    }
    for (List<WeightPart<A>> parts : kept.values()) {
      for (WeightPart<A> part : parts) {
        tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, part.array());
      }
    }
  }

  /**
   * Adds an attention whose output may be kept.
   *
   * @param block one number: which block it is
   * @param add adds the tasks, which write nothing that others need besides the output, and gives
   *     the output
   */
  A add(GraphTasks tasks, Attention kind, IntArray block, Supplier<A> add) {
    int begun = tasks.sizes().size();
    A output = add.get();
    if (!kinds.contains(kind)) {
      return output;
    }
    sizes.put(
        kind, tasks.sizes().subList(begun, tasks.sizes().size()).stream().map(Size::of).toList());
    for (WeightPart<A> part : kept.get(kind)) {
      String name = "keep" + kind + "at" + part.first();
      tasks.perThread(name, size);
      tasks
          .graph()
          .task(
              name,
              activations.kernels().keep(),
              new KernelContext(),
              output,
              part.array(),
              block,
              command,
              kind.ordinal(),
              blocks,
              part.first(),
              part.blocks(),
              size);
    }
    return output;
  }

  /** A pass begins: outputs are computed and not kept. */
  void begin() {
    for (Attention kind : kinds) {
      set(kind, NOTHING, 0);
    }
  }

  /** See {@link Pass#outputs}. */
  void use(Attention kind, int set, boolean again) {
    if (!kinds.contains(kind) || set < 0 || set >= Pass.OUTPUT_SETS) {
      throw new IllegalStateException(
          "the video was prepared without room for outputs of " + kind + ", set " + set);
    }
    set(kind, again ? TAKE : KEEP, set);
  }

  private void set(Attention kind, int what, int set) {
    command.set(2 * kind.ordinal(), what);
    command.set(2 * kind.ordinal() + 1, set);
    sizes.getOrDefault(kind, List.of()).forEach(one -> one.set(what != TAKE));
  }
}
