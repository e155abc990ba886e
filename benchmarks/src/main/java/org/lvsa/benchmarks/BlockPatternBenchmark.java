// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.blockpattern.BatchAttention;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.blockpattern.BlockPattern;
import org.lvsa.toolkit.blockpattern.DensitySolver;
import org.lvsa.toolkit.blockpattern.HeadInputs;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.blockpattern.TokenGrid;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
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
 * Patterns at one density of tokens: the time to choose their blocks, and the time of attention on
 * them, with query, key and value in the pattern's order already; the output is put back.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 1, time = 1)
@Measurement(iterations = 3, time = 1)
public class BlockPatternBenchmark {
  /** A pattern by name; its parameters are solved for the density. */
  @Param({"lvsa", "radial:block=16", "sta:tile=3x4x4"})
  public String pattern;

  @Param("0.25")
  public double density;

  @Param("21")
  public int latentFrames;

  /** Rows and columns of patches. */
  @Param("16x16")
  public String grid;

  @Param("auto")
  public String backend;

  private Arena arena;
  private TokenGrid tokens;
  private List<HeadInputs> heads;
  private BlockPattern solved;
  private AttentionKernel kernel;
  private BatchAttention prepared;
  private BatchLayout layout;
  private AttentionOutput output;

  /** Solves the pattern and brings the inputs into its order. */
  @Setup
  public void setUp() {
    arena = Arena.ofShared();
    ModelGeometry model = Models.named("wan2.1-1.3b");
    PatchGrid patches = PatchGrid.parse(grid);
    tokens = new TokenGrid(latentFrames, patches.rows(), patches.columns(), 0);
    AttentionShape shape =
        new AttentionShape(1, latentFrames, patches.patches(), 0, 1, 1, model.headDim());
    Activations made =
        Activations.of(new InputSource.Moving(), shape, DType.F32, model, patches, 1, arena);
    AttentionInputs inputs =
        new AttentionInputs(shape, DType.F32, made.query(), made.key(), made.value());
    heads =
        IntStream.range(0, shape.heads())
            .mapToObj(
                head ->
                    HeadInputs.of(
                        shape, DType.F32, made.query(), made.key(), made.value(), 0, head))
            .toList();
    solved =
        DensitySolver.solve(PatternSpec.parse(pattern), tokens, heads, density)
            .spec()
            .build(tokens);
    layout = BatchLayout.of(choose(), shape.heads());
    kernel = Backends.named(backend, System.err::println).open(KernelOptions.DEFAULT);
    prepared = BatchAttention.prepare(kernel, inputs, layout.orders());
    output = AttentionOutput.allocate(shape, arena);
  }

  /** From queries and keys, or from the video's size alone, to blocks. */
  @Benchmark
  public List<HeadSelection> choose() {
    return solved.selections(tokens, heads);
  }

  /** Attention on the chosen blocks. */
  @Benchmark
  public KernelRun attend() {
    return prepared.run(layout, output);
  }

  /** Gives back what the kernel holds. */
  @TearDown
  public void tearDown() {
    prepared.close();
    kernel.close();
    arena.close();
  }
}
