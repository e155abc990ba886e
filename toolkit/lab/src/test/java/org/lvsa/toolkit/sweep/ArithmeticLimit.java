// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The most float32 arithmetic that all processors can do: independent multiply-adds in registers,
 * without loads. It is to be an upper bound of whatever else is measured, so it is made of the best
 * moments: every thread computes many short slices, and the limit is the sum of each thread's
 * fastest. A mean over a longer time has interruptions and lower clock rates in it, and a matrix
 * product that is measured in a better moment passes it.
 *
 * <p>The loop is a method that is called many thousand times before anything is measured. A method
 * that runs once, however long, stays in the code that the JIT compiler makes for its interrupted
 * first call (on-stack replacement), which keeps vectors in memory. So does one that is compiled as
 * a part of its caller: after some calls of it all the same loop ran at half the speed. Each round
 * has two steps, which makes the method larger than what the compiler puts into callers (325 bytes
 * of byte code).
 */
final class ArithmeticLimit {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  /** More than latency times units of any processor: 5 × 2. */
  private static final int CHAINS = 12;

  /** Multiply-adds of a chain in a round. */
  private static final int STEPS = 2;

  private static final int WARM_CALLS = 20_000;
  private static final int ROUNDS = 100_000;
  private static final int SLICES = 100;

  private static volatile float sink;

  private ArithmeticLimit() {}

  /** GFLOP/s of all processors together. */
  static double gflops() {
    int threads = Runtime.getRuntime().availableProcessors();
    try (ExecutorService running = Executors.newFixedThreadPool(threads)) {
      Callable<Double> fastest = () -> 2.0 * STEPS * CHAINS * F.length() * ROUNDS / fastestNanos();
      double sum = 0;
      for (Future<Double> one :
          running.invokeAll(Stream.generate(() -> fastest).limit(threads).toList())) {
        sum += one.get();
      }
      return sum;
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private static long fastestNanos() {
    for (int call = 0; call < WARM_CALLS; call++) {
      sink = chains(100, call);
    }
    long fastest = Long.MAX_VALUE;
    for (int slice = 0; slice < SLICES; slice++) {
      long start = System.nanoTime();
      sink = chains(ROUNDS, slice);
      fastest = Math.min(fastest, System.nanoTime() - start);
    }
    return fastest;
  }

  /**
   * Twelve chains {@code x = x + 0.5·1} side by side, from {@code seed} plus 0 to 11, and two steps
   * of each in a round. The chain is the addend, which the JIT compiler overwrites; were it a
   * factor, every step would copy the addend first.
   *
   * @return the sum over all lanes of all chains
   */
  static float chains(int rounds, float seed) {
    FloatVector factor = FloatVector.broadcast(F, 0.5f);
    FloatVector term = FloatVector.broadcast(F, 1);
    FloatVector a = FloatVector.broadcast(F, seed);
    FloatVector b = a.add(1);
    FloatVector c = a.add(2);
    FloatVector d = a.add(3);
    FloatVector e = a.add(4);
    FloatVector f = a.add(5);
    FloatVector g = a.add(6);
    FloatVector h = a.add(7);
    FloatVector i = a.add(8);
    FloatVector j = a.add(9);
    FloatVector k = a.add(10);
    FloatVector l = a.add(11);
    for (int round = 0; round < rounds; round++) {
      a = factor.fma(term, a);
      b = factor.fma(term, b);
      c = factor.fma(term, c);
      d = factor.fma(term, d);
      e = factor.fma(term, e);
      f = factor.fma(term, f);
      g = factor.fma(term, g);
      h = factor.fma(term, h);
      i = factor.fma(term, i);
      j = factor.fma(term, j);
      k = factor.fma(term, k);
      l = factor.fma(term, l);
      a = factor.fma(term, a);
      b = factor.fma(term, b);
      c = factor.fma(term, c);
      d = factor.fma(term, d);
      e = factor.fma(term, e);
      f = factor.fma(term, f);
      g = factor.fma(term, g);
      h = factor.fma(term, h);
      i = factor.fma(term, i);
      j = factor.fma(term, j);
      k = factor.fma(term, k);
      l = factor.fma(term, l);
    }
    FloatVector all = a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k);
    return all.add(l).reduceLanes(VectorOperators.ADD);
  }
}
