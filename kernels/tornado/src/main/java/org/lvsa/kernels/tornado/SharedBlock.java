// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.tornado.Activations.Norm;
import org.lvsa.kernels.tornado.Activations.Rotary;
import org.lvsa.kernels.tornado.Activations.Tokens;
import org.lvsa.kernels.tornado.BlockTensors.Layer;
import org.lvsa.kernels.tornado.BlockTensors.Vector;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Blocks whose video and text share their layers and are one stream, see {@link BlockShape.Shared}:
 * each linear layer is one matrix product over all tokens.
 */
final class SharedBlock<A extends TornadoNativeArray> implements BlockTasks<A> {
  /** Added in the norms of queries and keys; no setting changes it. */
  private static final float HEAD_EPS = 1e-6f;

  /** Rows of the modulations: shift, scale and gate of the video, then of the text. */
  private static final int ROWS = 6;

  private static final int FIRST_MODULATIONS = 0;
  private static final int QUERY = 1;
  private static final int KEY = 2;
  private static final int VALUE = 3;
  private static final int SECOND_MODULATIONS = 4;
  private static final int OUT = 5;
  private static final int UP = 6;
  private static final int DOWN = 7;

  private final Context<A> context;
  private final BlockShape.Shared blocks;
  private final A text;
  private final FloatArray time;

  SharedBlock(Context<A> context) {
    this.context = context;
    blocks = (BlockShape.Shared) context.shape().blocks();
    int width = context.shape().width();
    text = context.activations().array((long) context.video().told().textTokens() * width);
    time = new FloatArray(blocks.timeWidth());
  }

  /** The tensors of a block, in the order of the constants. */
  static BlockTensors tensors(TransformerShape shape, BlockShape.Shared blocks) {
    int width = shape.width();
    int headDim = shape.headDim();
    List<Layer> layers =
        List.of(
            new Layer("norm1.linear", blocks.timeWidth(), ROWS * width),
            new Layer("attn1.to_q", width, width),
            new Layer("attn1.to_k", width, width),
            new Layer("attn1.to_v", width, width),
            new Layer("norm2.linear", blocks.timeWidth(), ROWS * width),
            new Layer("attn1.to_out.0", width, width),
            new Layer("ff.net.0.proj", width, shape.feedForward()),
            new Layer("ff.net.2", shape.feedForward(), width));
    List<Vector> vectors =
        List.of(
            new Vector("norm1.norm.weight", width),
            new Vector("norm1.norm.bias", width),
            new Vector("attn1.norm_q.weight", headDim),
            new Vector("attn1.norm_q.bias", headDim),
            new Vector("attn1.norm_k.weight", headDim),
            new Vector("attn1.norm_k.bias", headDim),
            new Vector("norm2.norm.weight", width),
            new Vector("norm2.norm.bias", width));
    // All vectors but those of the second norm.
    return new BlockTensors("transformer_blocks", layers, vectors, 6);
  }

  /** Activations of a block, in numbers. */
  static long elements(TransformerShape shape, TransformerVideo video) {
    long width = shape.width();
    return video.streamTokens(shape) * (5 * width + shape.feedForward())
        + video.told().textTokens() * width;
  }

  /** Numbers of the tables of positions, see {@link FloatSharedBlockKernels#addPositions}. */
  static int positions(TransformerShape shape, TransformerVideo video) {
    int width = shape.width();
    return video.frames() * (width / 4) + (video.rows() + video.columns()) * (3 * width / 8);
  }

  private Tokens stream() {
    TransformerShape shape = context.shape();
    int tokens = context.video().streamTokens(shape);
    return new Tokens(context.x(), tokens, shape.width(), shape.eps());
  }

  private SharedBlockTasks<A> tasks(GraphTasks tasks) {
    return new SharedBlockTasks<>(
        tasks, context.activations().sharedBlock(), context.video().tokens());
  }

  @Override
  public List<FloatArray> streams() {
    return List.of(context.x());
  }

  @Override
  public List<TornadoNativeArray> inputs() {
    return List.of(text, time);
  }

  @Override
  public void embed(GraphTasks tasks) {
    tasks(tasks).place("text", text, stream());
    if (blocks.positions()) {
      SharedBlockTasks.addPositions(
          tasks, context.x(), context.turns(), context.video(), context.shape().width());
    }
    new FloatActivations().touch(tasks, "time", time);
  }

  @Override
  public int fill(Forward forward) {
    int tokens = context.video().told().textTokens();
    long bytes = (long) tokens * context.shape().width() * Float.BYTES;
    if (forward.text().byteSize() != bytes) {
      throw new IllegalArgumentException(
          "the text must have "
              + tokens
              + " tokens, got "
              + forward.text().byteSize() / Float.BYTES / context.shape().width());
    }
    context.activations().write(forward.text(), text, 0);
    BlockTasks.fill(time, 0, forward.time());
    return tokens;
  }

  @Override
  public void add(GraphTasks tasks, BlockBuffers<A> weights, Runnable bringRest) {
    TransformerShape shape = context.shape();
    Activations<A> activations = context.activations();
    SharedBlockTasks<A> shared = tasks(tasks);
    Tokens x = stream();
    int tokens = x.count();
    long elements = (long) tokens * x.width();
    A in = activations.array(elements);
    A query = activations.array(elements);
    A key = activations.array(elements);
    A value = context.attention().values();
    A out = activations.array(elements);
    A inner = activations.array((long) tokens * shape.feedForward());
    FloatArray first = new FloatArray(ROWS * x.width());
    FloatArray second = new FloatArray(ROWS * x.width());
    Rotary rotary = rotary();
    activations.condition(
        tasks, "firstModulations", time, weights.linear(FIRST_MODULATIONS), first);
    A attended =
        context
            .outputs()
            .add(
                tasks,
                BlockLoop.Attention.SELF,
                () -> {
                  shared.modulate("selfIn", x, norm(weights, 0), first, in);
                  activations.linear(
                      tasks, "query", in, weights.linear(QUERY), query, tokens, false);
                  activations.linear(tasks, "key", in, weights.linear(KEY), key, tokens, false);
                  activations.linear(
                      tasks, "value", in, weights.linear(VALUE), value, tokens, false);
                  shared.normHeads("queryNorm", query, tokens, norm(weights, 2), rotary);
                  shared.normHeads("keyNorm", key, tokens, norm(weights, 4), rotary);
                  return context.attention().self(tasks, query, key, value, in);
                });
    bringRest.run();
    activations.linear(tasks, "selfOut", attended, weights.linear(OUT), out, tokens, false);
    activations.condition(
        tasks, "secondModulations", time, weights.linear(SECOND_MODULATIONS), second);
    shared.addModulate("innerIn", x, out, first, norm(weights, 6), second, in);
    activations.linear(tasks, "up", in, weights.linear(UP), inner, tokens, true);
    activations.linear(tasks, "down", inner, weights.linear(DOWN), out, tokens, false);
    shared.addGated("innerAdd", x, out, second);
  }

  /** A norm's weight, and its bias, which follows. */
  private static Norm norm(BlockBuffers<?> weights, int weight) {
    return new Norm(weights.norms().get(weight), weights.norms().get(weight + 1));
  }

  private Rotary rotary() {
    Rotary all = context.rotary().withEps(HEAD_EPS);
    return blocks.positions() ? all.normOnly() : all;
  }
}
