// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.tornado.BlockTensors.Layer;
import org.lvsa.kernels.tornado.BlockTensors.Vector;
import org.lvsa.kernels.tornado.DeviceAttention.Cross;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Blocks with self-attention, cross-attention and a feed-forward part, see {@link
 * BlockShape.Cross}.
 */
final class CrossBlock<A extends TornadoNativeArray> implements BlockTasks<A> {
  /** Row of the modulations: shift, scale and gate of self-attention; then of the feed-forward. */
  private static final int ATTENTION = 0;

  private static final int ATTENTION_GATE = 2;
  private static final int FEED_FORWARD = 3;
  private static final int FEED_FORWARD_GATE = 5;
  private static final int ROWS = 6;

  private static final List<String> LAYERS =
      List.of(
          "attn1.to_q",
          "attn1.to_k",
          "attn1.to_v",
          "attn1.to_out.0",
          "attn2.to_q",
          "attn2.to_k",
          "attn2.to_v",
          "attn2.to_out.0",
          "ffn.net.0.proj",
          "ffn.net.2");

  private static final List<String> PICTURE_LAYERS =
      List.of("attn2.add_k_proj", "attn2.add_v_proj");

  private static final int UP = 8;
  private static final int DOWN = 9;

  private final Context<A> context;
  private final BlockShape.Cross blocks;
  private final A text;
  private final A pictures;
  private final FloatArray time;

  CrossBlock(Context<A> context) {
    this.context = context;
    blocks = (BlockShape.Cross) context.shape().blocks();
    int width = context.shape().width();
    TransformerVideo.Told told = context.video().told();
    text = context.activations().array((long) told.textTokens() * width);
    // At least one element, which nobody reads: there are no empty arrays.
    pictures = context.activations().array(Math.max(1, (long) told.pictureTokens() * width));
    time = new FloatArray(Math.multiplyExact(told.timesteps(), ROWS * width));
  }

  /** The tensors of a block; layers and norm for pictures come last. */
  static BlockTensors tensors(TransformerShape shape, BlockShape.Cross blocks) {
    int width = shape.width();
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < LAYERS.size(); i++) {
      int in = i == DOWN ? shape.feedForward() : width;
      int out = i == UP ? shape.feedForward() : width;
      layers.add(new Layer(LAYERS.get(i), in, out));
    }
    List<Vector> vectors = new ArrayList<>(List.of(new Vector("scale_shift_table", ROWS * width)));
    for (String norm : List.of("attn1.norm_q", "attn1.norm_k", "attn2.norm_q", "attn2.norm_k")) {
      vectors.add(new Vector(norm + ".weight", width));
    }
    if (blocks.norm()) {
      vectors.add(new Vector("norm2.weight", width));
      vectors.add(new Vector("norm2.bias", width));
    }
    if (blocks.pictures()) {
      PICTURE_LAYERS.forEach(name -> layers.add(new Layer(name, width, width)));
      vectors.add(new Vector("attn2.norm_added_k.weight", width));
    }
    // Query, key and value, and the output, which is brought in one task with them; the table, the
    // query's norm and the key's.
    return new BlockTensors("blocks", layers, vectors, 4);
  }

  /** Activations of a block, in numbers. */
  static long elements(TransformerShape shape, TransformerVideo video) {
    long width = shape.width();
    long told = video.told().textTokens() + (long) video.told().pictureTokens();
    return video.tokens() * (5 * width + shape.feedForward()) + 3 * told * width;
  }

  @Override
  public List<FloatArray> streams() {
    return List.of(context.x());
  }

  @Override
  public List<TornadoNativeArray> inputs() {
    return blocks.pictures() ? List.of(text, time, pictures) : List.of(text, time);
  }

  @Override
  public void embed(GraphTasks tasks) {
    context.activations().touch(tasks, "text", text);
    if (blocks.pictures()) {
      context.activations().touch(tasks, "pictures", pictures);
    }
    new FloatActivations().touch(tasks, "time", time);
  }

  @Override
  public int fill(Forward forward) {
    context.activations().write(forward.text(), text, 0);
    if (blocks.pictures()) {
      context.activations().write(forward.pictures(), pictures, 0);
    }
    BlockTasks.fill(time, 0, forward.time());
    return 0;
  }

  @Override
  public void add(GraphTasks tasks, BlockBuffers<A> weights, Runnable bringRest) {
    TransformerShape shape = context.shape();
    Activations<A> activations = context.activations();
    DeviceAttention<A> attention = context.attention();
    Activations.Tokens stream = context.stream();
    int tokens = stream.count();
    long elements = (long) tokens * shape.width();
    A in = activations.array(elements);
    A query = activations.array(elements);
    A key = activations.array(elements);
    A value = attention.values();
    A out = activations.array(elements);
    A inner = activations.array((long) tokens * shape.feedForward());
    Activations.Modulations modulations = modulations(tasks, weights.norms().get(0));
    Activations.Rotary rotary = context.rotary();
    A attended =
        context
            .outputs()
            .add(
                tasks,
                BlockLoop.Attention.SELF,
                () -> {
                  activations.modulate(tasks, "selfIn", stream, modulations, ATTENTION, in);
                  activations.linear(tasks, "query", in, weights.linear(0), query, tokens, false);
                  activations.linear(tasks, "key", in, weights.linear(1), key, tokens, false);
                  activations.linear(tasks, "value", in, weights.linear(2), value, tokens, false);
                  activations.rotate(
                      tasks, "queryNorm", query, tokens, weights.norms().get(1), rotary);
                  activations.rotate(tasks, "keyNorm", key, tokens, weights.norms().get(2), rotary);
                  return attention.self(tasks, query, key, value, in);
                });
    bringRest.run();
    activations.linear(tasks, "selfOut", attended, weights.linear(3), out, tokens, false);
    if (blocks.norm()) {
      Activations.Norm norm = new Activations.Norm(weights.norms().get(5), weights.norms().get(6));
      activations.addGatedNorm(
          tasks, "crossIn", stream, out, modulations, ATTENTION_GATE, norm, in);
    } else {
      activations.addGated(tasks, "selfAdd", stream, out, modulations, ATTENTION_GATE);
      activations.narrow(tasks, "crossIn", stream, in);
    }
    context
        .outputs()
        .add(
            tasks,
            BlockLoop.Attention.CROSS,
            () -> {
              activations.linear(tasks, "crossQuery", in, weights.linear(4), query, tokens, false);
              Activations.Rotary normOnly = rotary.normOnly();
              activations.rotate(
                  tasks, "crossQueryNorm", query, tokens, weights.norms().get(3), normOnly);
              TransformerVideo.Told told = context.video().told();
              Told<A> toText = new Told<>(Cross.TEXT, text, told.textTokens(), 5, 4);
              cross(tasks, toText, query, weights, normOnly, in);
              if (blocks.pictures()) {
                // The layers and the norm for pictures are the last ones.
                int layers = weights.linears().size();
                int norm = weights.norms().size() - 1;
                Told<A> toPictures =
                    new Told<>(Cross.PICTURES, pictures, told.pictureTokens(), layers - 2, norm);
                cross(tasks, toPictures, query, weights, normOnly, out);
                activations.sum(tasks, "pictureSum", in, out);
              }
              return in;
            });
    activations.linear(tasks, "crossOut", in, weights.linear(7), out, tokens, false);
    activations.addModulate(tasks, "innerIn", stream, out, modulations, FEED_FORWARD, in);
    activations.linear(tasks, "up", in, weights.linear(UP), inner, tokens, true);
    activations.linear(tasks, "down", inner, weights.linear(DOWN), out, tokens, false);
    activations.addGated(tasks, "innerAdd", stream, out, modulations, FEED_FORWARD_GATE);
  }

  /** The block's table and what the time steps give, added. */
  private Activations.Modulations modulations(GraphTasks tasks, FloatArray table) {
    FloatArray rows = new FloatArray(time.getSize());
    tasks.perThread("modulations", rows.getSize());
    tasks
        .graph()
        .task(
            "modulations",
            FloatTransformerKernels::addTable,
            new KernelContext(),
            table,
            time,
            rows,
            table.getSize(),
            rows.getSize());
    return new Activations.Modulations(rows, ROWS, context.video().tokensPerTimestep());
  }

  /**
   * What a cross-attention looks at.
   *
   * @param x {@code [tokens, width]}
   * @param layer the linear layer of keys; that of values follows
   * @param norm of the keys
   */
  private record Told<A>(Cross what, A x, int tokens, int layer, int norm) {}

  private void cross(
      GraphTasks tasks,
      Told<A> told,
      A query,
      BlockBuffers<A> weights,
      Activations.Rotary normOnly,
      A to) {
    Activations<A> activations = context.activations();
    String name = told.what() == Cross.TEXT ? "cross" : "picture";
    int tokens = told.tokens();
    A key = activations.array((long) tokens * context.shape().width());
    A value = context.attention().values(told.what());
    activations.linear(
        tasks, name + "Key", told.x(), weights.linear(told.layer()), key, tokens, false);
    activations.linear(
        tasks, name + "Value", told.x(), weights.linear(told.layer() + 1), value, tokens, false);
    activations.rotate(
        tasks, name + "KeyNorm", key, tokens, weights.norms().get(told.norm()), normOnly);
    context.attention().cross(tasks, told.what(), query, key, value, to);
  }
}
