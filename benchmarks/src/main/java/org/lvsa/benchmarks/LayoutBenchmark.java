// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
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
import org.openjdk.jmh.annotations.Warmup;

/** What a kernel does to a layout before it starts: groups of queries and their runs of keys. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class LayoutBenchmark {
  @Param({"41", "161"})
  public int latentFrames;

  private AttentionShape shape;
  private BlockSparseLayout layout;

  /** The layout of Wan 2.1's pattern. */
  @Setup
  public void setUp() {
    shape = new AttentionShape(1, latentFrames, 1560, 0, 12, 12, 128);
    layout = Pattern.build(PatternSettings.of(latentFrames, 1560, 3, 1, 21, 1.0)).layout();
  }

  /** Key runs of every group of query frames. */
  @Benchmark
  public List<KeyRanges> keyRanges() {
    return KeyRanges.of(shape, layout);
  }
}
