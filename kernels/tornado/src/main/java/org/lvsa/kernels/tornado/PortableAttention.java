// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link PortableKernel} on the block's own buffers. */
final class PortableAttention implements DeviceAttention<FloatArray> {
  private final AttentionShape shape;
  private final Sizes sizes;
  private final QueryTiles tiles;
  private final Map<Cross, QueryTiles> crossTiles = new EnumMap<>(Cross.class);
  private final FloatArray logSumExp;
  private final FloatArray scratch;

  PortableAttention(Sizes sizes) {
    shape = sizes.self();
    this.sizes = sizes;
    tiles =
        QueryTiles.allocate(
            shape, PortableKernel.QUERIES, TileRoom.forFrames(shape, PortableKernel.QUERIES));
    if (sizes.textTokens() > 0) {
      crossTiles.put(
          Cross.TEXT, QueryTiles.cross(shape, PortableKernel.QUERIES, sizes.textTokens()));
    }
    if (sizes.pictureTokens() > 0) {
      crossTiles.put(
          Cross.PICTURES, QueryTiles.cross(shape, PortableKernel.QUERIES, sizes.pictureTokens()));
    }
    logSumExp = new FloatArray(Math.toIntExact(shape.logSumExpElements()));
    scratch = new FloatArray(Math.toIntExact(shape.queryElements()));
  }

  @Override
  public String kernel() {
    return "portable-f32";
  }

  @Override
  public boolean holds(BlockSparseLayout layout) {
    return true;
  }

  @Override
  public void fill(BlockSparseLayout layout, int textTokens) {
    tiles.fill(shape, QueryTiles.groups(shape.withText(textTokens), layout));
  }

  @Override
  public List<IntArray> layout() {
    return List.of(tiles.tiles(), tiles.runs());
  }

  @Override
  public List<IntArray> constants() {
    return crossTiles.values().stream().flatMap(one -> Stream.of(one.tiles(), one.runs())).toList();
  }

  @Override
  public FloatArray values() {
    return new FloatArray(Math.toIntExact(shape.keyElements()));
  }

  @Override
  public FloatArray values(Cross what) {
    int tokens = what == Cross.TEXT ? sizes.textTokens() : sizes.pictureTokens();
    return new FloatArray(Math.multiplyExact(tokens, shape.heads() * shape.headDim()));
  }

  @Override
  public FloatArray self(
      GraphTasks tasks, FloatArray query, FloatArray key, FloatArray value, FloatArray spare) {
    add(tasks, "attention", query, key, value, tiles, scratch);
    return scratch;
  }

  @Override
  public void cross(
      GraphTasks tasks,
      Cross what,
      FloatArray query,
      FloatArray key,
      FloatArray value,
      FloatArray to) {
    String name = what == Cross.TEXT ? "crossAttention" : "pictureAttention";
    add(tasks, name, query, key, value, crossTiles.get(what), to);
  }

  private void add(
      GraphTasks tasks,
      String name,
      FloatArray query,
      FloatArray key,
      FloatArray value,
      QueryTiles of,
      FloatArray to) {
    tasks.groups(name, Math.toIntExact(of.room().tiles()), shape.heads(), PortableKernel.THREADS);
    tasks
        .graph()
        .task(
            name,
            PortableKernel::attend,
            new KernelContext(),
            query,
            key,
            value,
            to,
            logSumExp,
            of.tiles(),
            of.runs(),
            shape.tokens(),
            shape.heads(),
            shape.kvHeads(),
            shape.headDim(),
            (float) shape.scale());
  }

  @Override
  public FloatArray scratch() {
    return scratch;
  }
}
