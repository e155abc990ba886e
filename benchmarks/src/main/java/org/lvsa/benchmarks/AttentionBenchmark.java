// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.lang.foreign.Arena;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pattern.Pattern;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * Whole attention, dense against sparse: attentions a second, and GFLOP/s beside them. Lengths are
 * in training horizons. The defaults are small; the README has the command for the published sizes.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttentionBenchmark {

  /** What is computed, whatever the pattern. */
  @State(Scope.Benchmark)
  public static class Problem {
    @Param("wan2.1-1.3b")
    public String model;

    @Param({"208x112", "320x176"})
    public String resolution;

    /** Latent frames over the model's training horizon. */
    @Param({"1", "2"})
    public int length;

    @Param("1")
    public int heads;

    @Param("F32")
    public DType dtype;

    @Param("auto")
    public String backend;

    /** INT8 takes F16 or BF16 and a backend that has it. */
    @Param("FULL")
    public Precision precision;

    private Arena arena;
    private ModelGeometry geometry;
    private AttentionKernel kernel;
    private PreparedAttention prepared;
    private AttentionProblem dense;
    private AttentionOutput output;

    /** Draws the inputs and opens the kernel. */
    @Setup
    public void setUp() {
      arena = Arena.ofShared();
      geometry = Models.named(model);
      PatchGrid grid = geometry.grid(Resolution.parse(resolution));
      int frames = length * geometry.referenceFrames();
      AttentionShape shape =
          new AttentionShape(1, frames, grid.patches(), 0, heads, heads, geometry.headDim());
      Activations inputs =
          Activations.of(new InputSource.RandomNumbers(), shape, dtype, geometry, grid, 1, arena);
      dense =
          new AttentionProblem(
              new AttentionInputs(shape, dtype, inputs.query(), inputs.key(), inputs.value()),
              BlockSparseLayout.dense(frames));
      output = AttentionOutput.allocate(shape, arena);
      kernel =
          Backends.open(
              Backends.named(backend, System.err::println), KernelOptions.DEFAULT.with(precision));
      kernel
          .unsupported(shape, dtype)
          .ifPresent(
              reason -> {
                throw new IllegalArgumentException(backend + " cannot run this: " + reason);
              });
      prepared = kernel.prepare(dense.inputs());
    }

    /** The pattern of a sparsity scale. */
    Pattern pattern(double sparsityScale) {
      AttentionShape shape = dense.shape();
      return Pattern.build(
          geometry.pattern(
              shape.latentFrames(),
              shape.patchesPerFrame(),
              geometry.defaultWindow(),
              geometry.defaultFirstFrames(),
              sparsityScale,
              OptionalInt.empty()));
    }

    /** Gives back what the kernel holds. */
    @TearDown
    public void tearDown() {
      prepared.close();
      kernel.close();
      arena.close();
    }
  }

  /** The layout of a sparsity scale. */
  @State(Scope.Benchmark)
  public static class Sparse {
    @Param({"0.5", "1.0"})
    public double sparsityScale;

    private AttentionProblem problem;

    /** Builds the pattern. */
    @Setup
    public void setUp(Problem shared) {
      problem = shared.dense.withLayout(shared.pattern(sparsityScale).layout());
    }
  }

  /** Arithmetic done, so that JMH prints GFLOP/s. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Arithmetic {
    /** Floating-point operations so far, in units of 10^9. */
    public double gflop;

    /** Starts an iteration. */
    @Setup(Level.Iteration)
    public void clear() {
      gflop = 0;
    }
  }

  /** Every frame attends to every frame. */
  @Benchmark
  public KernelRun dense(Problem shared, Arithmetic done) {
    done.gflop += shared.dense.flops() / 1e9;
    return shared.prepared.run(shared.dense.layout(), shared.output);
  }

  /** Every frame attends to the frames of the published pattern. */
  @Benchmark
  public KernelRun sparse(Problem shared, Sparse sparse, Arithmetic done) {
    done.gflop += sparse.problem.flops() / 1e9;
    return shared.prepared.run(sparse.problem.layout(), shared.output);
  }
}
