// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.kernels.TokenBlocks;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;

/** Runs on the device that TornadoVM would choose: a GPU, or PoCL's CPU device. */
class TornadoKernelTest {

  @TestFactory
  List<DynamicTest> conforms() {
    if (new TornadoBackend().availability() instanceof Availability.Unavailable(String reason)) {
      return List.of(
          DynamicTest.dynamicTest("no device", () -> assumeTrue(false, "left out: " + reason)));
    }
    AttentionKernel kernel = new TornadoBackend().open(KernelOptions.DEFAULT);
    // Where there are tensor cores, 16-bit inputs take them, and have the wider bound of 5e-3.
    boolean tensorCores =
        new TornadoBackend()
            .devices().stream().anyMatch(d -> d.chosen() && d.kernels().contains("tensorcore"));
    List<DynamicTest> tests =
        new ArrayList<>(KernelConformance.tests(kernel, 1e-4, tensorCores ? 5e-3 : 1e-4));
    tests.addAll(KernelConformance.narrowTests(kernel));
    return tests;
  }

  @Test
  void theDeviceOrTheReasonIsNamed() {
    switch (new TornadoBackend().availability()) {
      case Availability.Available(String device) -> assertTrue(device.contains("MiB"), device);
      case Availability.Unavailable(String reason) ->
          assertTrue(reason.contains("TornadoVM"), reason);
    }
  }

  @Test
  void whatDoesNotFitIsRefusedByName() {
    if (new TornadoBackend().availability() instanceof Availability.Available) {
      var kernel = new TornadoBackend().open(KernelOptions.DEFAULT);
      assertEquals(
          "headDim must be at most 128, got 136",
          kernel.unsupported(new AttentionShape(1, 1, 1, 0, 1, 1, 136), DType.F32).orElseThrow());
      // Beyond any device: more elements than an array holds.
      assertTrue(
          kernel
              .unsupported(new AttentionShape(1, 1000, 1560, 0, 16, 16, 128), DType.F32)
              .isPresent());
      assertEquals(
          "40000 latent frames can need 1600080001 runs of keys, too many",
          kernel
              .unsupported(new AttentionShape(1, 40_000, 1, 0, 1, 1, 16), DType.F32)
              .orElseThrow());
      // 20,000 frames of one token: the layout's arrays take gigabytes, the tensors nothing.
      AttentionShape many = new AttentionShape(1, 20_000, 1, 0, 1, 1, 16);
      assertTrue(PortableProgram.bytes(many, DType.F32, PortableProgram.room(many)) > 4L << 30);
      assertTrue(
          kernel
              .unsupported(new AttentionShape(Integer.MAX_VALUE, 1, 1, 0, 1, 1, 128), DType.F32)
              .orElseThrow()
              .contains("more than a TornadoVM array holds"));
    }
  }

  @Test
  void anotherPatternCompilesNothingAndUploadsTheLayoutOnly() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    AttentionShape shape = new AttentionShape(1, 6, 40, 8, 2, 2, 64);
    for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
      try (Arena arena = Arena.ofShared();
          TornadoKernel kernel = (TornadoKernel) new TornadoBackend().open(KernelOptions.DEFAULT)) {
        AttentionProblem problem = RandomProblem.draw(shape, dtype, 0.4, 1, 5, arena);
        AttentionOutput output = AttentionOutput.allocate(shape, arena);
        AttentionOutput expected = AttentionOutput.allocate(shape, arena);
        try (TornadoAttention prepared = (TornadoAttention) kernel.prepare(problem.inputs())) {
          prepared.run(problem.layout(), output);
          long compiled = prepared.plan().compilations();
          assertTrue(compiled > 0);
          for (double odds : new double[] {0.1, 0.7, 1}) {
            AttentionProblem other =
                problem.withLayout(RandomProblem.draw(shape, dtype, odds, 1, 6, arena).layout());
            prepared.run(other.layout(), output);
            assertEquals(compiled, prepared.plan().compilations());
            long inputs = shape.queryElements() * dtype.bytes();
            assertTrue(
                prepared.plan().uploadedBytes() < inputs / 4,
                prepared.plan().uploadedBytes() + " bytes went up, query alone has " + inputs);
            ReferenceAttention.run(other, expected);
            assertTrue(KernelConformance.relativeError(output.out(), expected.out()) < 5e-3);
          }
        }
        // The next inputs of this shape and type get the buffers and the code of the first.
        DevicePlan plan;
        try (TornadoAttention prepared = (TornadoAttention) kernel.prepare(problem.inputs())) {
          plan = prepared.plan();
          long compiled = plan.compilations();
          prepared.run(problem.layout(), output);
          assertEquals(compiled, plan.compilations());
        }
        try (TornadoAttention prepared = (TornadoAttention) kernel.prepare(problem.inputs())) {
          assertSame(plan, prepared.plan());
        }
      }
    }
  }

  /** The device moves tokens: another order is an upload of numbers, and compiles nothing. */
  @Test
  void anotherOrderOfTokensCompilesNothing() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    AttentionShape shape = new AttentionShape(1, 4, 10, 0, 2, 1, 64);
    int[] reversed = new int[shape.tokens()];
    Arrays.setAll(reversed, i -> reversed.length - 1 - i);
    TokenOrder back = new TokenOrder(reversed);
    TokenOrder usual = TokenOrder.identity(shape.tokens());
    try (Arena arena = Arena.ofShared();
        TornadoKernel kernel = (TornadoKernel) new TornadoBackend().open(KernelOptions.DEFAULT)) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.BF16, 1, 1, 5, arena).dense();
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      ReferenceAttention.run(problem, expected);
      DevicePlan plan = null;
      long compiled = 0;
      for (TokenOrders orders :
          List.of(
              new TokenOrders(List.of(back), List.of(usual)),
              new TokenOrders(List.of(usual), List.of(back)),
              TokenOrders.of(back))) {
        try (TornadoAttention prepared =
            (TornadoAttention) kernel.prepare(problem.inputs(), orders)) {
          prepared.run(problem.layout(), output);
          prepared.run(problem.layout(), output);
          if (plan != null) {
            assertSame(plan, prepared.plan());
            assertEquals(compiled, plan.compilations());
          }
          plan = prepared.plan();
          compiled = plan.compilations();
        }
        assertTrue(KernelConformance.relativeError(output.out(), expected.out()) < 5e-3);
      }
      // Without orders the buffers are others.
      try (TornadoAttention prepared = (TornadoAttention) kernel.prepare(problem.inputs())) {
        assertNotSame(plan, prepared.plan());
      }
    }
  }

  /** Blocks of 16 tokens need more tiles than frames do, and a matrix per head more lists. */
  @Test
  void buffersGrowOnceForBlocksAndAreKept() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    AttentionShape shape = new AttentionShape(1, 3, 101, 6, 2, 1, 64);
    SplittableRandom random = new SplittableRandom(3);
    List<TokenBlocks> heads =
        List.of(
            RandomProblem.ragged(shape.tokens(), 0.4, random),
            RandomProblem.ragged(shape.tokens(), 0.7, random));
    int before = DevicePlan.openPlans();
    try (Arena arena = Arena.ofShared();
        TornadoKernel kernel = (TornadoKernel) new TornadoBackend().open(KernelOptions.DEFAULT)) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.BF16, 0.5, 1, 5, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      try (TornadoAttention prepared = (TornadoAttention) kernel.prepare(problem.inputs())) {
        prepared.run(problem.layout(), output);
        DevicePlan frames = prepared.plan();
        prepared.run(BlockSparseLayout.ofBlocks(heads), output);
        DevicePlan blocks = prepared.plan();
        assertNotSame(frames, blocks);
        // Where tensor cores take frames in registers, that program stays for the next such layout.
        int open = DevicePlan.openPlans();
        assertTrue(open - before <= 2);
        List<DevicePlan> kept = open - before == 2 ? List.of(frames, blocks) : List.of(blocks);
        List<Long> compiled = kept.stream().map(DevicePlan::compilations).toList();
        for (BlockSparseLayout layout :
            List.of(
                BlockSparseLayout.ofBlocks(heads.reversed()),
                BlockSparseLayout.ofBlocks(heads.getFirst()),
                problem.layout())) {
          prepared.run(layout, output);
          assertTrue(kept.contains(prepared.plan()));
          assertEquals(open, DevicePlan.openPlans());
          assertEquals(compiled, kept.stream().map(DevicePlan::compilations).toList());
          ReferenceAttention.run(problem.withLayout(layout), expected);
          assertTrue(KernelConformance.relativeError(output.out(), expected.out()) < 5e-3);
        }
      }
    }
    assertEquals(before, DevicePlan.openPlans());
  }

  @Test
  void kernelsOfOneProcessDoNotDisturbEachOther() throws Exception {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      List<Future<Double>> errors = new ArrayList<>();
      for (int thread = 0; thread < 3; thread++) {
        int seed = thread;
        // Another shape each time: a kernel then lets go of its plan while the others run theirs.
        Callable<Double> work =
            () -> {
              double worst = 0;
              try (Arena arena = Arena.ofShared();
                  AttentionKernel kernel = new TornadoBackend().open(KernelOptions.DEFAULT)) {
                for (int round = 0; round < 3; round++) {
                  AttentionShape shape =
                      new AttentionShape(1, 3 + round, 20 + 3 * seed, 4, 2, 1, 64);
                  AttentionProblem problem =
                      RandomProblem.draw(shape, DType.F32, 0.5, 1, seed, arena);
                  AttentionOutput output = AttentionOutput.allocate(shape, arena);
                  AttentionOutput expected = AttentionOutput.allocate(shape, arena);
                  kernel.run(problem, output);
                  kernel.run(problem, output);
                  ReferenceAttention.run(problem, expected);
                  worst =
                      Math.max(
                          worst, KernelConformance.relativeError(output.out(), expected.out()));
                }
              }
              return worst;
            };
        errors.add(threads.submit(work));
      }
      for (Future<Double> error : errors) {
        assertTrue(error.get() < 1e-4, "error " + error.get());
      }
    }
  }

  @Test
  void inputsThatChangeAreReadAgain() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    AttentionShape shape = new AttentionShape(1, 3, 20, 0, 1, 1, 64);
    try (Arena arena = Arena.ofShared();
        TornadoKernel kernel = (TornadoKernel) new TornadoBackend().open(KernelOptions.DEFAULT)) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 1, 1, 5, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      kernel.run(problem, output);
      problem.value().fill((byte) 0);
      kernel.run(problem, output);
      assertEquals(0f, DType.F32.get(output.out(), 17));
      AttentionProblem next = RandomProblem.draw(shape, DType.F32, 1, 1, 9, arena);
      kernel.run(next, output);
      ReferenceAttention.run(next, expected);
      assertTrue(KernelConformance.relativeError(output.out(), expected.out()) < 1e-4);
    }
  }

  private static KernelOptions kernel(String name) {
    return new KernelOptions(Optional.empty(), Optional.of(name));
  }

  private static KernelOptions device(String id) {
    return new KernelOptions(Optional.of(id), Optional.empty());
  }

  @Test
  void theKernelCanBeForced() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    AttentionShape shape = new AttentionShape(1, 3, 20, 0, 1, 1, 64);
    try (Arena arena = Arena.ofShared();
        AttentionKernel portable = new TornadoBackend().open(kernel("portable"));
        AttentionKernel tensorCore = new TornadoBackend().open(kernel("tensorcore"))) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.BF16, 1, 1, 5, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      assertEquals("tornado-portable-bf16", portable.run(problem, output).kernel());
      AttentionShape narrow = new AttentionShape(1, 3, 20, 0, 1, 1, 40);
      String reason = tensorCore.unsupported(narrow, DType.BF16).orElseThrow();
      assertTrue(reason.startsWith("tensorcore kernel: "), reason);
    }
    assertEquals(
        "backend tornado has no kernel fast, allowed are portable, tensorcore",
        assertThrows(
                IllegalArgumentException.class, () -> new TornadoBackend().open(kernel("fast")))
            .getMessage());
  }

  @Test
  void aDeviceIsRefusedByTheIdsThatThereAre() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    List<AttentionBackend.Device> devices = new TornadoBackend().devices();
    assertEquals(
        "backend tornado has no device 9:9, allowed are "
            + String.join(", ", devices.stream().map(AttentionBackend.Device::id).toList()),
        assertThrows(IllegalArgumentException.class, () -> new TornadoBackend().open(device("9:9")))
            .getMessage());
  }

  // ---- failures

  @Test
  void aPlanThatCannotBeMadeLeavesTheCountAsItWas() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    int before = DevicePlan.openPlans();
    assertThrows(
        KernelFailedException.class,
        () -> new DevicePlan(new GridScheduler(), 1, (TaskGraph) null));
    assertEquals(before, DevicePlan.openPlans());
  }

  @Test
  void whatFailsInPrepareIsClosedAndTheKernelGoesOn() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    AttentionShape shape = new AttentionShape(1, 3, 20, 0, 1, 1, 64);
    int before = DevicePlan.openPlans();
    try (Arena arena = Arena.ofShared();
        AttentionKernel kernel = new TornadoBackend().open(KernelOptions.DEFAULT)) {
      AttentionProblem problem = RandomProblem.draw(shape, DType.F32, 1, 1, 5, arena);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionOutput expected = AttentionOutput.allocate(shape, arena);
      Arena gone = Arena.ofShared();
      AttentionProblem stale = RandomProblem.draw(shape, DType.F32, 1, 1, 5, gone);
      gone.close();
      assertThrows(IllegalStateException.class, () -> kernel.prepare(stale.inputs()));
      assertEquals(before, DevicePlan.openPlans());
      kernel.run(problem, output);
      ReferenceAttention.run(problem, expected);
      assertTrue(KernelConformance.relativeError(output.out(), expected.out()) < 1e-4);
    }
    assertEquals(before, DevicePlan.openPlans());
  }

  @Test
  void errorsOfTornadoVmBecomeExceptionsWithTheirReason() {
    KernelFailedException failure =
        assertThrows(
            KernelFailedException.class,
            () ->
                TornadoErrors.guarded(
                    () -> {
                      throw new LinkageError(
                          "No sketch available\n  for 0:0", new IllegalStateException("inner"));
                    }));
    assertEquals(
        "TornadoVM failed: LinkageError: No sketch available; for 0:0 (caused by"
            + " IllegalStateException: inner)",
        failure.getMessage());
    assertThrows(
        OutOfMemoryError.class,
        () ->
            TornadoErrors.guarded(
                () -> {
                  throw new OutOfMemoryError("heap");
                }));
  }

  @Test
  void oneDeviceIsChosenOfThoseThatAreThere() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    List<AttentionBackend.Device> devices = new TornadoBackend().devices();
    assertEquals(1, devices.stream().filter(AttentionBackend.Device::chosen).count());
    for (AttentionBackend.Device device : devices) {
      assertTrue(device.memoryBytes() > 0);
      assertEquals("portable", device.kernels().getFirst());
    }
  }

  @Test
  void theScoresChooseThePath() {
    assumeTrue(
        new TornadoBackend()
            .devices().stream().anyMatch(d -> d.chosen() && d.kernels().contains("tensorcore")));
    AttentionShape shape = new AttentionShape(1, 3, 50, 0, 1, 1, 64);
    try (Arena arena = Arena.ofShared();
        TornadoKernel kernel = (TornadoKernel) new TornadoBackend().open(KernelOptions.DEFAULT)) {
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionProblem problem = RandomProblem.draw(shape, DType.BF16, 1, 1, 5, arena);
      assertEquals("tornado-tensorcore-bf16-registers", kernel.run(problem, output).kernel());
    }
    try (Arena arena = Arena.ofShared();
        AttentionKernel kernel = new TornadoBackend().open(KernelOptions.DEFAULT)) {
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      AttentionProblem problem = RandomProblem.draw(shape, DType.BF16, 1, 1, 5, arena);
      DType.BF16.set(problem.key(), 3, Float.NaN);
      String name = kernel.run(problem, output).kernel();
      assertTrue(name.endsWith("-online"), name);
    }
  }
}
