// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * Which denoising steps are computed whatever the differences say (Cache-DiT's steps computation
 * mask, after LeMiCa and EasyCache).
 *
 * @param computed one value per step: whether it is computed
 */
public record StepMask(List<Boolean> computed) {
  /** The number of steps that the policies' runs of steps are written for. */
  private static final int WRITTEN_FOR = 28;

  /** The fewest steps for which the longer runs are cut, and not the short ones used. */
  private static final int FEWEST_CUT = 16;

  /** Distilled models run that many steps or fewer: each has runs of its own. */
  private static final int DISTILLED = 9;

  private static final int FEWEST_SHORT = 8;

  /** How much is computed. */
  public enum Policy {
    SLOW(
        runs("8,3,3,2,1,1", "1,2,2,2,3"),
        runs("4,2,2,2,1", "1,1,1,1"),
        runs("5,2,1", "1"),
        runs("5,1,1", "1")),
    MEDIUM(
        runs("6,2,2,2,2,1", "1,3,3,3,3"),
        runs("4,2,1,1,1", "1,1,2,2"),
        runs("5,1,1", "1,1"),
        runs("4,1,1", "1,1")),
    FAST(
        runs("6,1,1,1,1,1", "1,3,4,5,4"),
        runs("3,1,1,1,1", "1,2,2,3"),
        runs("4,1,1", "1,2"),
        runs("3,1,1", "1,2")),
    ULTRA(
        runs("4,1,1,1,1", "2,5,6,7"),
        runs("2,1,1,1,1", "1,2,3,3"),
        runs("3,1,1", "2,2"),
        runs("2,1,1", "2,2"));

    private final Runs many;
    private final Runs few;
    private final Runs nine;
    private final Runs eight;

    Policy(Runs many, Runs few, Runs nine, Runs eight) {
      this.many = many;
      this.few = few;
      this.nine = nine;
      this.eight = eight;
    }

    /**
     * The policy of a name, in lower case.
     *
     * @throws MalformedFileException if there is none
     */
    public static Policy of(String name) {
      List<String> names =
          Arrays.stream(values()).map(policy -> policy.name().toLowerCase(Locale.ROOT)).toList();
      if (!names.contains(name)) {
        throw new MalformedFileException(Messages.unknown("mask policy", name, names));
      }
      return valueOf(name.toUpperCase(Locale.ROOT));
    }
  }

  /** The mask is copied. */
  public StepMask {
    computed = List.copyOf(computed);
    if (computed.isEmpty()) {
      throw new MalformedFileException("a step mask must have at least one step, got none");
    }
  }

  /**
   * A mask written as digits, {@code 1} for a computed step, such as {@code 1110100}.
   *
   * @throws MalformedFileException if another character is among them
   */
  public static StepMask parse(String digits) {
    if (!digits.matches("[01]+")) {
      throw new MalformedFileException(
          "a step mask is written with the digits 1 (computed) and 0 (may be cached), got "
              + Messages.cut(digits));
    }
    return new StepMask(digits.chars().mapToObj(digit -> digit == '1').toList());
  }

  /** The mask of {@code steps} steps that are all computed. */
  public static StepMask all(int steps) {
    return parse("1".repeat(steps));
  }

  /**
   * A mask of runs of steps: computed ones, then cached ones, in turn.
   *
   * @throws MalformedFileException if the runs are shorter than the steps
   */
  public static StepMask of(List<Integer> computeBins, List<Integer> cacheBins, int steps) {
    return new Runs(computeBins, cacheBins).mask(steps, false);
  }

  /**
   * The mask of a policy. Its runs are stretched or cut to the number of steps; the last step is
   * always computed.
   *
   * @throws MalformedFileException for 5, 7 and fewer than 4 steps, which no policy has
   */
  public static StepMask of(Policy policy, int steps) {
    return runs(policy, steps).mask(steps, true);
  }

  private static Runs runs(Policy policy, int steps) {
    if (steps > WRITTEN_FOR) {
      return policy.many.stretched(steps).cut(steps);
    }
    if (steps >= FEWEST_CUT) {
      return policy.many.cut(steps);
    }
    if (steps > DISTILLED) {
      return policy.few.cut(steps);
    }
    if (steps >= FEWEST_SHORT) {
      return (steps == DISTILLED ? policy.nine : policy.eight).cut(steps);
    }
    return switch (steps) {
      case 6 -> runs("3,1", "2");
      case 4 -> runs("2,1", "1");
      default ->
          throw new MalformedFileException(
              "mask policies are for 4, 6, 8 and more steps, got "
                  + steps
                  + ": choose 4, 6 or 8 steps, or write the mask as digits");
    };
  }

  /** Whether a step is computed; steps after the mask's end are. */
  public boolean computes(int step) {
    return step >= computed.size() || computed.get(step);
  }

  /** Number of steps. */
  public int steps() {
    return computed.size();
  }

  /** Computed steps before the first that may be cached. */
  public int leadingComputed() {
    int first = computed.indexOf(false);
    return first < 0 ? computed.size() : first;
  }

  @Override
  public String toString() {
    return computed.stream().map(one -> one ? "1" : "0").collect(Collectors.joining());
  }

  private static Runs runs(String computed, String cached) {
    return new Runs(numbers(computed), numbers(cached));
  }

  private static List<Integer> numbers(String list) {
    return Arrays.stream(list.split(",")).map(Integer::valueOf).toList();
  }

  /** Lengths of runs of computed steps, and of the runs of cached ones between them. */
  private record Runs(List<Integer> computed, List<Integer> cached) {
    int sum() {
      return sum(computed) + sum(cached);
    }

    private static int sum(List<Integer> lengths) {
      return lengths.stream().mapToInt(Integer::intValue).sum();
    }

    /** Longer in turn, each by its share of half the excess, until they last {@code steps}. */
    Runs stretched(int steps) {
      List<Integer> compute = new ArrayList<>(computed);
      List<Integer> cache = new ArrayList<>(cached);
      int pairs = Math.min(compute.size(), cache.size());
      double share = (double) steps / WRITTEN_FOR * 0.5;
      while (true) {
        for (int i = 0; i < pairs; i++) {
          compute.set(i, compute.get(i) + Math.max((int) (computed.get(i) * share), 1));
          if (sum(compute) + sum(cache) >= steps) {
            return new Runs(compute, cache);
          }
          cache.set(i, cache.get(i) + Math.max((int) (cached.get(i) * share), 1));
          if (sum(compute) + sum(cache) >= steps) {
            return new Runs(compute, cache);
          }
        }
        compute.set(compute.size() - 1, compute.getLast() + 1);
        if (sum(compute) + sum(cache) >= steps) {
          return new Runs(compute, cache);
        }
      }
    }

    /** Shorter from the end, a cached step and a computed one in turn. */
    Runs cut(int steps) {
      List<Integer> compute = new ArrayList<>(computed);
      List<Integer> cache = new ArrayList<>(cached);
      boolean cachedTurn = true;
      while (sum(compute) + sum(cache) > steps) {
        shorten(cachedTurn ? cache : compute);
        cachedTurn = !cachedTurn;
      }
      return new Runs(compute, cache);
    }

    private static void shorten(List<Integer> lengths) {
      if (lengths.isEmpty()) {
        return;
      }
      int last = lengths.removeLast();
      if (last > 1) {
        lengths.add(last - 1);
      }
    }

    StepMask mask(int steps, boolean lastComputed) {
      if (sum() < steps) {
        throw new MalformedFileException(
            "the runs of the step mask must last for all steps ("
                + steps
                + "), got "
                + sum()
                + " steps");
      }
      List<Boolean> mask = new ArrayList<>();
      for (int i = 0; i < Math.max(computed.size(), cached.size()); i++) {
        add(mask, i < computed.size() ? computed.get(i) : 0, true);
        add(mask, i < cached.size() ? cached.get(i) : 0, false);
      }
      List<Boolean> whole = new ArrayList<>(mask.subList(0, steps));
      if (lastComputed) {
        whole.set(steps - 1, true);
      }
      return new StepMask(whole);
    }

    private static void add(List<Boolean> mask, int times, boolean value) {
      for (int i = 0; i < times; i++) {
        mask.add(value);
      }
    }
  }
}
