// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.blocks.ProfiledBlocks;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.lvsa.toolkit.profile.Profile;
import org.lvsa.toolkit.profile.StepEvent;
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
import org.openjdk.jmh.infra.Blackhole;

/**
 * What a profile costs: a step of 30 blocks, each of which works for some microseconds, without a
 * word to the recorder ({@code none}), with a recorder that is off ({@code off}) and on ({@code
 * on}). Real blocks work for milliseconds to seconds.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ProfileBenchmark {
  private static final int BLOCKS = 30;
  private static final int TOKENS = 2000;

  @Param({"none", "off", "on"})
  public String profile;

  private Optional<Profile> recording = Optional.empty();
  private BlockRunner runner = BlockRunner.ALL;
  private BlockList blocks;
  private int step;

  /** Starts to record where that is asked for. */
  @Setup
  public void setUp() throws IOException {
    if (profile.equals("on")) {
      recording = Optional.of(Profile.start(Files.createTempDirectory("profile"), 0));
    }
    runner = profile.equals("none") ? BlockRunner.ALL : ProfiledBlocks.of(BlockRunner.ALL);
    blocks =
        new BlockList(
            "blocks",
            BLOCKS,
            ForwardPattern.PATTERN_2,
            Nd4j.zeros(1),
            Optional.empty(),
            block -> Blackhole.consumeCPU(TOKENS),
            () -> Nd4j.zeros(1));
  }

  /** Ends the recording and removes its files. */
  @TearDown
  public void tearDown() throws IOException {
    if (recording.isPresent()) {
      Path trace = recording.get().stop();
      Files.delete(trace);
      Files.delete(trace.resolveSibling("profile_rank0.jfr"));
      Files.delete(trace.getParent());
    }
  }

  /** A step, with the events that a run has. */
  @Benchmark
  public int step() {
    if (profile.equals("none")) {
      runner.run(blocks);
      return step;
    }
    try (PhaseEvent _ = PhaseEvent.begin("denoise");
        StepEvent _ = StepEvent.begin(step++, 0)) {
      runner.run(blocks);
    }
    return step;
  }
}
