// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The border between ND4J's tensors and the kernels' memory: a view costs the same at any size, a
 * copy does not. Run with {@code -prof gc}: the view's bytes an operation do not grow with the
 * tensor.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BorderBenchmark {
  @Param({"4096", "32760"})
  public int tokens;

  private INDArray tensor;
  private Arena arena;
  private MemorySegment memory;

  /** A tensor {@code [1, tokens, 2, 128]} and memory of its size. */
  @Setup
  public void setUp() {
    tensor = Nd4j.rand(DataType.FLOAT, 1, tokens, 2, 128);
    arena = Arena.ofShared();
    memory = arena.allocate(tensor.length() * Float.BYTES, 64);
  }

  /** The tensor's own memory, as kernels read it. */
  @Benchmark
  public MemorySegment view() {
    return NdMemory.view(tensor);
  }

  /** A copy into memory of the kernel's. */
  @Benchmark
  public MemorySegment copy() {
    return memory.copyFrom(NdMemory.view(tensor));
  }

  /** Gives the memory back. */
  @TearDown
  public void tearDown() {
    arena.close();
    tensor.close();
  }
}
