// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.util.concurrent.TimeUnit;
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

/**
 * Building a pattern. Rotation does it at every denoising step, so it has to stay under a
 * millisecond at 161 latent frames.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class PatternBenchmark {
  @Param({"41", "161", "2000"})
  public int latentFrames;

  private PatternSettings settings;
  private int step;

  /** The settings of Wan 2.1. */
  @Setup
  public void setUp() {
    settings = PatternSettings.of(latentFrames, 1560, 3, 1, 21, 1.0);
  }

  /** The pattern of the next denoising step, from settings to block-sparse layout. */
  @Benchmark
  public Pattern nextStep() {
    return Pattern.build(settings.rotatedTo(step++ & 0xFFFF));
  }
}
