// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.tornado.Activations.Linear;
import org.lvsa.kernels.tornado.Activations.Modulations;
import org.lvsa.kernels.tornado.Activations.Tokens;
import org.lvsa.kernels.tornado.BlockTensors.Layer;
import org.lvsa.kernels.tornado.BlockTensors.Vector;
import org.lvsa.kernels.transformer.BlockLoop;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Blocks in which video and text have layers of their own and attend together, see {@link
 * org.lvsa.kernels.transformer.BlockShape.Joint}. Buffers have room for as many text tokens as the
 * video may be told. Those of a forward pass come first, and only they are attended to; the rows
 * behind them go through the layers, and come out of attention as zeros.
 *
 * <p>Attention reads one array with the video's tokens and behind them the text's. Linear layers
 * write arrays from their beginning, so that the text's queries, keys and values are copied there.
 */
final class JointBlock<A extends TornadoNativeArray> implements BlockTasks<A> {
  /** Row of the modulations: shift, scale and gate of attention; then of the feed-forward. */
  private static final int ATTENTION = 0;

  private static final int ATTENTION_GATE = 2;
  private static final int FEED_FORWARD = 3;
  private static final int FEED_FORWARD_GATE = 5;
  private static final int ROWS = 6;

  /** How the layers of a stream are called. */
  private record Names(
      String modulation, String query, String key, String value, String out, String feedForward) {}

  private static final Names VIDEO =
      new Names("norm1", "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "ff");

  private static final Names TEXT =
      new Names(
          "norm1_context",
          "attn.add_q_proj",
          "attn.add_k_proj",
          "attn.add_v_proj",
          "attn.to_add_out",
          "ff_context");

  private final Context<A> context;
  private final FloatArray text;
  private final FloatArray time;
  private final IntArray count = new IntArray(1);

  JointBlock(Context<A> context) {
    this.context = context;
    TransformerShape shape = context.shape();
    text = new FloatArray(Math.multiplyExact(room(), shape.width()));
    time = new FloatArray(shape.blocks().timeSize(shape.width()));
  }

  /** Rows of the text's stream. */
  private int room() {
    return context.video().told().textTokens();
  }

  /**
   * The tensors of a block: first what is needed before attention, of the video and of the text.
   */
  static BlockTensors tensors(TransformerShape shape) {
    int width = shape.width();
    List<Layer> layers = new ArrayList<>();
    for (Names names : List.of(VIDEO, TEXT)) {
      layers.add(new Layer(names.modulation + ".linear", width, ROWS * width));
      layers.add(new Layer(names.query, width, width));
      layers.add(new Layer(names.key, width, width));
      layers.add(new Layer(names.value, width, width));
    }
    int before = layers.size();
    for (Names names : List.of(VIDEO, TEXT)) {
      layers.add(new Layer(names.out, width, width));
      layers.add(new Layer(names.feedForward + ".net.0.proj", width, shape.feedForward()));
      layers.add(new Layer(names.feedForward + ".net.2", shape.feedForward(), width));
    }
    List<Vector> vectors = new ArrayList<>();
    for (String norm : List.of("norm_q", "norm_k", "norm_added_q", "norm_added_k")) {
      vectors.add(new Vector("attn." + norm + ".weight", shape.headDim()));
    }
    return new BlockTensors("transformer_blocks", layers, vectors, before);
  }

  /** Activations of a block, in numbers. */
  static long elements(TransformerShape shape, TransformerVideo video) {
    long width = shape.width();
    long room = video.told().textTokens();
    long all = video.tokens() + room;
    return (4 * all + video.tokens() + 2 * room) * width
        + Math.max(video.tokens(), room) * shape.feedForward();
  }

  @Override
  public List<FloatArray> streams() {
    return List.of(context.x(), text);
  }

  @Override
  public List<TornadoNativeArray> inputs() {
    return List.of(text, time, count);
  }

  @Override
  public void embed(GraphTasks tasks) {
    FloatActivations floats = new FloatActivations();
    floats.touch(tasks, "text", text);
    floats.touch(tasks, "time", time);
    FloatActivations.touch(tasks, "count", count);
  }

  @Override
  public int fill(Forward forward) {
    MemorySegment to = text.getSegment();
    long bytes = forward.text().byteSize();
    int tokens = Math.toIntExact(bytes / Float.BYTES / context.shape().width());
    if (tokens < 1 || tokens > room()) {
      throw new IllegalArgumentException(
          "the text must have 1 to " + room() + " tokens, got " + tokens);
    }
    MemorySegment.copy(forward.text(), 0, to, 0, bytes);
    to.asSlice(bytes).fill((byte) 0);
    BlockTasks.fill(time, 0, forward.time());
    count.set(0, tokens);
    return tokens;
  }

  /**
   * One of the two streams with its layers.
   *
   * @param name what its tasks begin with
   * @param tokens its numbers
   * @param modulations that the block makes for it of the time step
   * @param in the buffer that linear layers read
   */
  private record Stream<A extends TornadoNativeArray>(
      String name, Tokens tokens, Modulations modulations, A in) {}

  @Override
  public void add(GraphTasks tasks, BlockBuffers<A> weights, Runnable bringRest) {
    TransformerShape shape = context.shape();
    Activations<A> activations = context.activations();
    Tokens video = context.stream();
    Tokens words = new Tokens(text, room(), shape.width(), shape.eps());
    int all = video.count() + words.count();
    // With room for the text, which attention may need.
    A in = activations.array((long) all * shape.width());
    Stream<A> ofVideo =
        new Stream<>("video", video, modulations(tasks, "video", weights.linear(0)), in);
    Stream<A> ofText =
        new Stream<>(
            "text",
            words,
            modulations(tasks, "text", weights.linear(4)),
            activations.array((long) words.count() * shape.width()));
    A textOut = activations.array((long) words.count() * shape.width());
    A attended =
        context
            .outputs()
            .add(
                tasks,
                BlockLoop.Attention.SELF,
                () -> attend(tasks, weights, ofVideo, ofText, textOut));
    bringRest.run();
    A out = activations.array((long) video.count() * shape.width());
    int most = Math.max(video.count(), words.count());
    A inner = activations.array((long) most * shape.feedForward());
    int first = Math.multiplyExact(video.count(), shape.width());
    activations.takeRows(tasks, "textTake", attended, ofText.in, first, count, words);
    finish(tasks, ofVideo, weights.linears().subList(8, 11), attended, out, inner);
    finish(tasks, ofText, weights.linears().subList(11, 14), ofText.in, textOut, inner);
  }

  private Modulations modulations(GraphTasks tasks, String name, Linear<A> layer) {
    FloatArray rows = new FloatArray(layer.out());
    context.activations().condition(tasks, name + "Modulations", time, layer, rows);
    return new Modulations(rows, ROWS, Integer.MAX_VALUE);
  }

  /** Adds what gives the result of attention of both. */
  private A attend(
      GraphTasks tasks, BlockBuffers<A> weights, Stream<A> video, Stream<A> words, A scratch) {
    TransformerShape shape = context.shape();
    Activations<A> activations = context.activations();
    DeviceAttention<A> attention = context.attention();
    int tokens = video.tokens.count();
    int all = tokens + words.tokens.count();
    A query = activations.array((long) all * shape.width());
    A key = activations.array((long) all * shape.width());
    A value = attention.values();
    activations.modulate(tasks, "videoIn", video.tokens, video.modulations, ATTENTION, video.in);
    activations.modulate(tasks, "textIn", words.tokens, words.modulations, ATTENTION, words.in);
    List<A> joint = List.of(query, key, value);
    List<String> names = List.of("Query", "Key", "Value");
    int first = Math.multiplyExact(tokens, shape.width());
    for (int i = 0; i < names.size(); i++) {
      String name = names.get(i);
      A to = joint.get(i);
      activations.linear(tasks, "video" + name, video.in, weights.linear(1 + i), to, tokens, false);
      activations.linear(
          tasks,
          "text" + name,
          words.in,
          weights.linear(5 + i),
          scratch,
          words.tokens.count(),
          false);
      activations.append(tasks, "append" + name, scratch, to, first, text.getSize());
    }
    List<FloatArray> norms = weights.norms();
    Activations.Rotary rotary = context.rotary();
    activations.normHeads(
        tasks,
        "queryNorm",
        query,
        all,
        new Activations.HeadNorms(norms.get(0), norms.get(2)),
        rotary);
    activations.normHeads(
        tasks, "keyNorm", key, all, new Activations.HeadNorms(norms.get(1), norms.get(3)), rotary);
    return attention.self(tasks, query, key, value, video.in);
  }

  /**
   * Adds what comes behind attention.
   *
   * @param layers the output's, and the two of the feed-forward part
   * @param attended what attention gave
   * @param out receives what is added to the stream
   */
  private void finish(
      GraphTasks tasks, Stream<A> stream, List<Linear<A>> layers, A attended, A out, A inner) {
    Activations<A> activations = context.activations();
    Tokens x = stream.tokens;
    String name = stream.name;
    Modulations modulations = stream.modulations;
    activations.linear(tasks, name + "Out", attended, layers.get(0), out, x.count(), false);
    activations.addGated(tasks, name + "Add", x, out, modulations, ATTENTION_GATE);
    activations.modulate(tasks, name + "InnerIn", x, modulations, FEED_FORWARD, stream.in);
    activations.linear(tasks, name + "Up", stream.in, layers.get(1), inner, x.count(), true);
    activations.linear(tasks, name + "Down", inner, layers.get(2), out, x.count(), false);
    activations.addGated(tasks, name + "InnerAdd", x, out, modulations, FEED_FORWARD_GATE);
  }
}
