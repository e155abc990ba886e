// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntSupplier;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.blockpattern.BlockPattern;
import org.lvsa.toolkit.blockpattern.HeadInputs;
import org.lvsa.toolkit.blockpattern.HeadPattern;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.blockpattern.LvsaPattern;
import org.lvsa.toolkit.blockpattern.OrderedLayout;
import org.lvsa.toolkit.blockpattern.StaticPattern;
import org.lvsa.toolkit.blockpattern.TokenGrid;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Self-attention with a pattern of the laboratory. A pattern of the video's size alone is built
 * once; one that looks at queries and keys chooses blocks anew in every block of the transformer,
 * at every step, for each head of each sequence of the batch. In the steps and layers of the
 * pattern's {@linkplain org.lvsa.toolkit.blockpattern.DenseSchedule schedule} attention is dense,
 * by the same path as without a pattern.
 *
 * <p>SVG2 clusters from random tokens in every call; the published code begins a step with the
 * centroids of the step before. Calls stay independent of one another that way, so that a run that
 * is resumed gives the same video.
 */
public final class PatternAttention implements VideoSelfAttention {
  private final Generation generation;
  private final AskedPattern asked;
  private final IntSupplier step;
  private Optional<Built> built = Optional.empty();
  private int dense;
  private int sparse;
  private double densities;
  private double selectMillis;

  /** A pattern made for a video; {@code fixed} if it does not look at queries and keys. */
  private record Built(TokenGrid grid, BlockPattern pattern, Optional<BatchLayout> fixed) {}

  /**
   * A pattern's attention, on one rank.
   *
   * @param step the denoising step whose passes run, from 0
   */
  public PatternAttention(Generation generation, AskedPattern asked, IntSupplier step) {
    this.generation = generation;
    this.asked = asked;
    this.step = step;
  }

  /**
   * Refuses several ranks, each of which sees a part of the tokens.
   *
   * @param text the pattern as it was asked for
   * @throws UnavailableException if there is more than one
   */
  public static void requireOneRank(String text, int ranks) {
    if (ranks > 1) {
      throw new UnavailableException(
          "attention "
              + AskedPattern.name(text)
              + " runs on one rank, got "
              + ranks
              + ": its blocks refer to whole sequences");
    }
  }

  @Override
  public synchronized Attended attend(int layer, VideoGrid grid, Qkv video, Optional<Qkv> text) {
    if (SelfAttention.isRagged(text)) {
      return SelfAttention.elements(video, text.get(), (one, its) -> attend(layer, grid, one, its));
    }
    TokenGrid tokens =
        new TokenGrid(
            grid.frames(),
            grid.patches().rows(),
            grid.patches().columns(),
            text.map(Qkv::tokens).orElse(0));
    if (built.isEmpty() || !built.get().grid().equals(tokens)) {
      generation.say("self-attention: " + asked.inWords(tokens));
      built = Optional.of(build(tokens, video, text));
    }
    if (asked.schedule().isDense(step.getAsInt(), asked.steps(), layer, asked.layers())) {
      dense++;
      return SelfAttention.dense(generation, video, text);
    }
    sparse++;
    return SelfAttention.joined(video, text, joint -> sparse(tokens, joint));
  }

  private INDArray sparse(TokenGrid grid, Qkv joint) {
    return SdpaAttention.run(
        shape(grid, joint),
        joint,
        (inputs, output) -> {
          BatchLayout layout = built.orElseThrow().fixed().orElseGet(() -> select(grid, inputs));
          densities += generation.run(inputs, layout, output);
        });
  }

  private static AttentionShape shape(TokenGrid grid, Qkv joint) {
    return SelfAttention.shape(
        new SequenceGeometry(grid.frames(), grid.frameTokens(), grid.text()), joint);
  }

  /**
   * Builds the pattern. One that looks at queries and keys is tried on one head, so that a video
   * that it does not take is refused now, and not after the dense steps.
   */
  private Built build(TokenGrid grid, Qkv video, Optional<Qkv> text) {
    BlockPattern pattern = asked.build(grid);
    Optional<BatchLayout> fixed =
        switch (pattern) {
          case LvsaPattern lvsa -> {
            TokenOrder order = TokenOrder.identity(grid.tokens());
            yield Optional.of(
                BatchLayout.of(
                    new OrderedLayout(lvsa.frames(grid).layout(), TokenOrders.of(order))));
          }
          case StaticPattern all -> Optional.of(BatchLayout.of(OrderedLayout.of(all, grid)));
          case HeadPattern byHead -> {
            tryOut(byHead, grid, video, text);
            yield Optional.empty();
          }
        };
    return new Built(grid, pattern, fixed);
  }

  private static void tryOut(HeadPattern pattern, TokenGrid grid, Qkv video, Optional<Qkv> text) {
    Qkv joint = video.then(text);
    try {
      SdpaAttention.read(
          shape(grid, joint), joint, inputs -> pattern.select(grid, head(inputs, 0, 0)));
    } finally {
      if (text.isPresent()) {
        joint.close();
      }
    }
  }

  private BatchLayout select(TokenGrid grid, AttentionInputs inputs) {
    long start = System.nanoTime();
    HeadPattern pattern = (HeadPattern) built.orElseThrow().pattern();
    AttentionShape shape = inputs.shape();
    List<HeadSelection> selections = new ArrayList<>();
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      for (int head = 0; head < shape.heads(); head++) {
        // One head's copy at a time: all of them would be as large as the inputs.
        selections.add(pattern.select(grid, head(inputs, sequence, head)));
      }
    }
    BatchLayout layout = BatchLayout.of(selections, shape.heads());
    selectMillis += (System.nanoTime() - start) / 1e6;
    return layout;
  }

  private static HeadInputs head(AttentionInputs inputs, int sequence, int head) {
    return HeadInputs.of(
        inputs.shape(),
        inputs.dtype(),
        inputs.query(),
        inputs.key(),
        inputs.value(),
        sequence,
        head);
  }

  /**
   * What ran so far.
   *
   * @param pattern the pattern, with its schedule, in words
   * @param dense self-attentions that were dense by the schedule
   * @param sparse self-attentions with the pattern
   * @param density of those: pairs of tokens that the kernel computed over all pairs, their mean
   * @param selectMillis time in which blocks were chosen
   */
  public record Report(
      String pattern, int dense, int sparse, double density, double selectMillis) {}

  /** What ran so far. */
  public synchronized Report report() {
    return new Report(
        built.map(made -> asked.inWords(made.grid())).orElse(asked.text()),
        dense,
        sparse,
        sparse == 0 ? Double.NaN : densities / sparse,
        selectMillis);
  }
}
