// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sharding;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.lvsa.toolkit.parallel.SequenceRanks;
import org.lvsa.toolkit.parallel.TokenRange;
import org.lvsa.toolkit.sharding.SequencePlan.Gather;
import org.lvsa.toolkit.sharding.SequencePlan.Point;
import org.lvsa.toolkit.sharding.SequencePlan.SplitInput;
import org.lvsa.toolkit.sharding.SequencePlan.SplitOutput;
import org.lvsa.toolkit.sharding.SequencePlan.SplitPart;
import org.lvsa.toolkit.sharding.SequencePlan.Text;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One rank's tokens of one prediction, by a plan. A transformer shows each tensor that a plan may
 * name; it gets back the tensor itself where nothing is to be done, as on one rank, and else a new
 * one in its place, and the one it showed is freed.
 *
 * <p>Between the first split and the gathering a rank is {@linkplain #inside inside}: attention is
 * then given this rank's tokens. A point of the plan that a prediction did not come by is an error
 * at its end, so that a sequence is never divided in part or not at all without anybody noticing.
 */
public final class SequenceShards implements AutoCloseable {
  private final SequencePlan plan;
  private final SequenceRanks ranks;
  private final TokenRange range;
  private final Set<Passed> passed = new HashSet<>();
  private boolean inside;

  /** A point that the prediction came by. */
  private record Passed(String path, Point point) {}

  private SequenceShards(SequencePlan plan, SequenceRanks ranks, TokenRange range) {
    this.plan = plan;
    this.ranks = ranks;
    this.range = range;
  }

  /** One rank that holds all tokens. */
  public static SequenceShards whole(int tokens) {
    return new SequenceShards(null, SequenceRanks.alone(), new TokenRange(0, tokens, tokens));
  }

  /**
   * The tokens of one of several ranks.
   *
   * @param tokens of the video, on all ranks together
   */
  public static SequenceShards of(SequencePlan plan, SequenceRanks ranks, int tokens) {
    int world = ranks.all().world();
    return world == 1
        ? whole(tokens)
        : new SequenceShards(plan, ranks, TokenRange.of(tokens, ranks.all().rank(), world));
  }

  /** Whether tensors are this rank's part now. */
  public boolean inside() {
    return inside;
  }

  /** This rank's tokens. */
  public TokenRange range() {
    return range;
  }

  /** A tensor that a module takes. */
  public INDArray input(String module, String name, INDArray x) {
    Optional<Point> point =
        point(module, x.rank(), p -> p instanceof SplitInput in && in.name().equals(name));
    return point.isEmpty() ? x : split(x, (SplitInput) point.get());
  }

  /**
   * A tensor of text and video tokens that a module takes.
   *
   * @param textTokens how many of them are text
   */
  public INDArray input(String module, String name, INDArray x, int textTokens) {
    Optional<Point> point =
        point(module, x.rank(), p -> p instanceof SplitPart in && in.name().equals(name));
    if (point.isEmpty()) {
      return x;
    }
    SplitPart part = (SplitPart) point.get();
    int dim = part.dim();
    requireDivides(x.size(dim) - textTokens, dim, true);
    inside = true;
    long text = part.text() == Text.FRONT ? 0 : x.size(dim) - textTokens;
    long video = part.text() == Text.FRONT ? textTokens : 0;
    try (x;
        INDArray itsText = slice(x, dim, text, textTokens, textTokens);
        INDArray itsVideo = slice(x, dim, video + range.first(), range.count(), range.real())) {
      return part.text() == Text.FRONT
          ? Nd4j.concat(dim, itsText, itsVideo)
          : Nd4j.concat(dim, itsVideo, itsText);
    }
  }

  /** A tensor that a module gives. */
  public INDArray output(String module, int index, INDArray x) {
    Optional<Point> point =
        point(
            module,
            x.rank(),
            p ->
                p instanceof SplitOutput out && out.index() == index
                    || p instanceof Gather gather && gather.index() == index);
    if (point.isEmpty()) {
      return x;
    }
    return switch (point.get()) {
      case SplitOutput out ->
          split(x, new SplitInput("", out.dim(), out.expectedDims(), out.autoPad()));
      case Gather gather -> {
        inside = false;
        try (x) {
          yield gather(x, gather.dim());
        }
      }
      default -> throw new IllegalStateException("no output: " + point.get());
    };
  }

  /**
   * Something that a module gives and that is no tensor here, such as a table of positions.
   *
   * @param dims axes of the published model's tensor
   * @param part makes this rank's part
   */
  public <T> T output(
      String module, int index, int dims, T whole, BiFunction<T, TokenRange, T> part) {
    Optional<Point> point =
        point(module, dims, p -> p instanceof SplitOutput out && out.index() == index);
    if (point.isEmpty()) {
      return whole;
    }
    SplitOutput out = (SplitOutput) point.get();
    requireDivides(range.whole(), out.dim(), out.autoPad());
    return part.apply(whole, range);
  }

  /** All ranks' parts of a tensor, without padding: a new tensor. Every rank has to call it. */
  public INDArray gather(INDArray x, int dim) {
    float[][] parts = ranks.all().allGather(NdMemory.floats(x));
    long[] shape = x.shape().clone();
    long count = shape[dim];
    shape[dim] = range.whole();
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, shape);
    MemorySegment memory = NdMemory.view(out);
    long inner = inner(shape, dim);
    long outer = out.length() / inner / shape[dim];
    for (int rank = 0; rank < parts.length; rank++) {
      TokenRange its = TokenRange.of(range.whole(), rank, parts.length);
      for (long o = 0; o < outer && its.real() > 0; o++) {
        MemorySegment.copy(
            parts[rank],
            Math.toIntExact(o * count * inner),
            memory,
            ValueLayout.JAVA_FLOAT,
            (o * range.whole() + its.first()) * inner * Float.BYTES,
            Math.toIntExact(its.real() * inner));
      }
    }
    return out;
  }

  private INDArray split(INDArray x, SplitInput point) {
    requireDivides(x.size(point.dim()), point.dim(), point.autoPad());
    inside = true;
    try (x) {
      return part(x, point.dim(), range);
    }
  }

  /** A rank's part of a tensor along an axis, with zeros for padding: a new tensor. */
  public static INDArray part(INDArray x, int dim, TokenRange range) {
    return slice(x, dim, range.first(), range.count(), range.real());
  }

  /** Some places along an axis, of which the first {@code real} are copied and the others are 0. */
  private static INDArray slice(INDArray x, int dim, long first, long count, long real) {
    long[] shape = x.shape().clone();
    long size = shape[dim];
    shape[dim] = count;
    INDArray part = Nd4j.zeros(DataType.FLOAT, shape);
    MemorySegment from = NdMemory.view(NdMemory.rowMajor(x));
    MemorySegment to = NdMemory.view(part);
    long bytes = inner(shape, dim) * Float.BYTES;
    long outer = part.length() * Float.BYTES / Math.max(1, count * bytes);
    for (long o = 0; o < outer && real > 0; o++) {
      MemorySegment.copy(from, (o * size + first) * bytes, to, o * count * bytes, real * bytes);
    }
    return part;
  }

  private static long inner(long[] shape, int dim) {
    long inner = 1;
    for (int axis = dim + 1; axis < shape.length; axis++) {
      inner *= shape[axis];
    }
    return inner;
  }

  /** The plan's point of a module's tensor; empty if it has none, or expects other axes. */
  private Optional<Point> point(String module, int dims, Predicate<Point> which) {
    String path = plan == null ? null : plan.path(module);
    if (path == null) {
      return Optional.empty();
    }
    Optional<Point> found = plan.points().get(path).stream().filter(which).findFirst();
    found.ifPresent(p -> passed.add(new Passed(path, p)));
    return found.filter(p -> p.expectedDims().isEmpty() || p.expectedDims().getAsInt() == dims);
  }

  private void requireDivides(long length, int dim, boolean autoPad) {
    int world = ranks.all().world();
    if (length != range.whole()) {
      throw new IllegalArgumentException(
          "axis " + dim + " must hold the video's " + range.whole() + " tokens, got " + length);
    }
    if (length % world != 0 && !autoPad) {
      List<Integer> others =
          IntStream.rangeClosed(1, world).filter(n -> length % n == 0).boxed().toList();
      throw new IllegalArgumentException(
          "the video's tokens must be a multiple of the ranks ("
              + world
              + "), got "
              + length
              + ": try one of "
              + others
              + " ranks");
    }
  }

  /**
   * Ends the prediction.
   *
   * @throws IllegalStateException if the plan has a point that it did not come by
   */
  @Override
  public void close() {
    if (plan == null) {
      return;
    }
    inside = false;
    plan.points()
        .forEach(
            (path, points) ->
                points.stream()
                    .filter(point -> !passed.contains(new Passed(path, point)))
                    .findFirst()
                    .ifPresent(
                        point -> {
                          throw new IllegalStateException(
                              "the transformer did not come by "
                                  + path
                                  + " of its sequence plan ("
                                  + point
                                  + "): the ranks' tokens were not divided as planned");
                        }));
  }
}
