// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Which ranks work together, by kind of parallelism, as vLLM-Omni numbers them: in the order
 * tensor, sequence, pipeline, guidance, data, of which tensor-parallel ranks are numbered first and
 * data parallel ones last. A pure function of the degrees.
 *
 * @param tensor ranks that share a layer's weights
 * @param ulysses ranks that divide a sequence by heads
 * @param ring ranks that pass keys and values round; {@code ulysses · ring} is the sequence degree
 * @param pipeline ranks that share the blocks
 * @param guidance ranks of the two branches of guidance: 1 or 2
 * @param data ranks that work on other requests
 */
public record RankGroups(int tensor, int ulysses, int ring, int pipeline, int guidance, int data) {
  private static final int MOST_GUIDANCE = 2;

  /** A kind of group. */
  public enum Kind {
    TENSOR,
    SEQUENCE,
    PIPELINE,
    GUIDANCE,
    DATA
  }

  /**
   * Checks the degrees.
   *
   * @throws IllegalArgumentException naming the degree, its value and what is allowed
   */
  public RankGroups {
    Map<String, Integer> degrees = new LinkedHashMap<>();
    degrees.put("Tensor", tensor);
    degrees.put("Ulysses", ulysses);
    degrees.put("Ring", ring);
    degrees.put("Pipeline", pipeline);
    degrees.put("Guidance", guidance);
    degrees.put("Data", data);
    degrees.forEach(
        (name, degree) -> {
          if (degree < 1) {
            throw new IllegalArgumentException(
                name + " parallel size must be > 0, got " + degree + ": 1 leaves it out");
          }
        });
    long world = 1;
    for (int degree : degrees.values()) {
      world = Math.min(world * degree, Long.MAX_VALUE / Integer.MAX_VALUE);
    }
    if (world > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "ranks must be at most 2^31-1, the product of "
              + degrees
              + " is more: 1 leaves a degree out");
    }
    if (guidance > MOST_GUIDANCE) {
      throw new IllegalArgumentException(
          "CFG parallel size must be 1 or 2, but got " + guidance + ": guidance has two branches");
    }
  }

  /** Ranks that share a sequence. */
  public int sequence() {
    return ulysses * ring;
  }

  /** All ranks. */
  public int world() {
    return degrees().values().stream().reduce(1, Math::multiplyExact);
  }

  private Map<Kind, Integer> degrees() {
    Map<Kind, Integer> degrees = new LinkedHashMap<>();
    degrees.put(Kind.TENSOR, tensor);
    degrees.put(Kind.SEQUENCE, sequence());
    degrees.put(Kind.PIPELINE, pipeline);
    degrees.put(Kind.GUIDANCE, guidance);
    degrees.put(Kind.DATA, data);
    return degrees;
  }

  /**
   * Refuses a number of ranks that is not the product of the degrees.
   *
   * @throws IllegalArgumentException listing the factors
   */
  public void requireWorld(int ranks) {
    if (ranks != world()) {
      throw new IllegalArgumentException(
          "num_gpus ("
              + ranks
              + ") must be parallel_config.world_size ("
              + world()
              + " = "
              + degrees().entrySet().stream()
                  .map(one -> one.getKey().name().toLowerCase(Locale.ROOT) + " " + one.getValue())
                  .collect(Collectors.joining(" x "))
              + "): start "
              + world()
              + " ranks");
    }
  }

  /** The groups of a kind: every rank is in one, and lists its members in their order. */
  public List<List<Integer>> of(Kind kind) {
    int stride = 1;
    for (Map.Entry<Kind, Integer> degree : degrees().entrySet()) {
      if (degree.getKey() == kind) {
        return strided(IntStream.range(0, world()).boxed().toList(), degree.getValue(), stride);
      }
      stride *= degree.getValue();
    }
    throw new IllegalStateException("no degree of " + kind);
  }

  /** Groups of {@code size} ranks that lie {@code stride} apart in the list. */
  private static List<List<Integer>> strided(List<Integer> ranks, int size, int stride) {
    List<List<Integer>> groups = new ArrayList<>();
    for (int block = 0; block < ranks.size(); block += size * stride) {
      for (int first = 0; first < stride; first++) {
        List<Integer> group = new ArrayList<>();
        for (int i = 0; i < size; i++) {
          group.add(ranks.get(block + first + i * stride));
        }
        groups.add(group);
      }
    }
    return groups;
  }

  /** The group that a rank is in. */
  static List<Integer> with(List<List<Integer>> groups, int rank) {
    return groups.stream().filter(group -> group.contains(rank)).findFirst().orElseThrow();
  }

  /** The groups that divide by heads: neighbours inside a sequence group. */
  public List<List<Integer>> ulyssesGroups() {
    return of(Kind.SEQUENCE).stream()
        .flatMap(group -> strided(group, ulysses, 1).stream())
        .toList();
  }

  /** The groups that pass keys and values round: strided inside a sequence group. */
  public List<List<Integer>> ringGroups() {
    return of(Kind.SEQUENCE).stream()
        .flatMap(group -> strided(group, ring, ulysses).stream())
        .toList();
  }

  /**
   * The groups that shard weights by block: neighbours, whatever else the ranks do.
   *
   * @throws IllegalArgumentException if the ranks do not divide
   */
  public List<List<Integer>> shardGroups(int size) {
    if (size < 1 || world() % size != 0) {
      throw new IllegalArgumentException(
          "hsdp_shard_size must divide the number of ranks ("
              + world()
              + "), got "
              + size
              + ": try one of "
              + IntStream.rangeClosed(1, world()).filter(i -> world() % i == 0).boxed().toList());
    }
    return strided(IntStream.range(0, world()).boxed().toList(), size, 1);
  }
}
