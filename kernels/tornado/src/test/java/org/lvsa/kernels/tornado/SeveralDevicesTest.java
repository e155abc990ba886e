// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionBackend.Availability;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceAttention;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;

/**
 * Every device in one process. The module's tests see two devices of PoCL, which have one name, as
 * the cards of a host have.
 */
class SeveralDevicesTest {
  private static final AttentionShape SHAPE = new AttentionShape(1, 5, 37, 3, 2, 1, 64);

  private final long seed = System.nanoTime() % 10_000_000;

  private static List<TornadoTarget> targets() {
    assumeTrue(
        new TornadoBackend().availability() instanceof Availability.Available, "no device here");
    List<TornadoTarget> targets =
        TornadoTarget.all().stream().filter(target -> !target.ownProcess()).toList();
    assumeTrue(targets.size() > 1, "one device here");
    return targets;
  }

  private static TornadoKernel open(TornadoTarget target) {
    return (TornadoKernel)
        new TornadoBackend().open(new KernelOptions(Optional.of(target.id()), Optional.empty()));
  }

  @Test
  void eachDeviceComputesWhatItIsGiven() {
    List<TornadoTarget> targets = targets();
    List<TornadoKernel> kernels = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      targets.forEach(target -> kernels.add(open(target)));
      for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
        List<TornadoAttention> prepared = new ArrayList<>();
        List<AttentionProblem> problems = new ArrayList<>();
        for (TornadoKernel kernel : kernels) {
          AttentionProblem problem =
              RandomProblem.draw(SHAPE, dtype, 0.5, 1, seed + prepared.size(), arena);
          problems.add(problem);
          prepared.add((TornadoAttention) kernel.prepare(problem.inputs()));
        }
        // In turn, while the inputs of all lie on their devices.
        for (int round = 0; round < 2; round++) {
          for (int i = 0; i < kernels.size(); i++) {
            check(prepared.get(i), problems.get(i), arena);
            assertEquals(targets.get(i).device(), prepared.get(i).plan().device());
          }
        }
        prepared.forEach(TornadoAttention::close);
      }
    } finally {
      kernels.forEach(TornadoKernel::close);
    }
  }

  @Test
  void devicesAreUsedFromSeveralThreads() throws Exception {
    List<TornadoTarget> targets = targets();
    try (ExecutorService threads = Executors.newFixedThreadPool(targets.size())) {
      List<Callable<Void>> work = new ArrayList<>();
      for (TornadoTarget target : targets) {
        work.add(
            () -> {
              try (TornadoKernel kernel = open(target);
                  Arena arena = Arena.ofShared()) {
                assertTrue(kernel.device().contains("(" + target.id() + ")"), kernel.device());
                for (int round = 0; round < 3; round++) {
                  AttentionProblem problem =
                      RandomProblem.draw(SHAPE, DType.F32, 0.5, 1, seed + round, arena);
                  try (TornadoAttention prepared =
                      (TornadoAttention) kernel.prepare(problem.inputs())) {
                    check(prepared, problem, arena);
                    assertEquals(target.device(), prepared.plan().device());
                  }
                }
                return null;
              }
            });
      }
      for (Future<Void> done : threads.invokeAll(work)) {
        done.get();
      }
    }
  }

  private void check(TornadoAttention prepared, AttentionProblem problem, Arena arena) {
    AttentionOutput output = AttentionOutput.allocate(SHAPE, arena);
    AttentionOutput expected = AttentionOutput.allocate(SHAPE, arena);
    for (BlockSparseLayout layout :
        List.of(problem.layout(), BlockSparseLayout.dense(SHAPE.latentFrames()))) {
      prepared.run(layout, output);
      ReferenceAttention.run(problem.withLayout(layout), expected);
      double error = KernelConformance.relativeError(output.out(), expected.out());
      assertTrue(error < 5e-3, "relative error " + error + ", seed " + seed);
    }
  }

  @Test
  void anOnlyDeviceIsCalledAsTheProcessThatStartedThisOneCallsIt() {
    assertEquals("0:0", TornadoTarget.id("0:0", 1, ""));
    assertEquals("0:1", TornadoTarget.id("0:0", 1, "0:1"));
    assertEquals("1:0", TornadoTarget.id("1:0", 1, "0:1"), "another driver's");
    assertEquals("0:1", TornadoTarget.id("0:1", 2, "0:7"), "one of several");
    assertEquals("0:0", TornadoTarget.id("0:0", 1, "0:1; rm"));
  }

  /** TornadoVM's CUDA backend runs everything on the first device that the process sees. */
  @Test
  void aLaterCudaDeviceNeedsAProcessOfItsOwn() {
    TornadoDevice cuda = device(TornadoVMBackendType.CUDA);
    TornadoDevice openCl = device(TornadoVMBackendType.OPENCL);
    assertFalse(new TornadoTarget("0:0", "0:0", cuda).ownProcess());
    assertFalse(new TornadoTarget("0:1", "0:0", cuda).ownProcess(), "alone here, second elsewhere");
    assertFalse(new TornadoTarget("0:1", "0:1", openCl).ownProcess());
    TornadoTarget second = new TornadoTarget("0:1", "0:1", cuda);
    assertTrue(second.ownProcess());
    assertEquals(
        "device 0:1 needs a process that sees no other CUDA device: start this one with"
            + " CUDA_VISIBLE_DEVICES=1 and LVSA_DEVICE=0:1",
        assertThrows(IllegalArgumentException.class, second::checkReachable).getMessage());
  }

  private static TornadoDevice device(TornadoVMBackendType driver) {
    return (TornadoDevice)
        Proxy.newProxyInstance(
            TornadoDevice.class.getClassLoader(),
            new Class<?>[] {TornadoDevice.class},
            (proxy, method, arguments) ->
                method.getName().equals("getTornadoVMBackend") ? driver : null);
  }

  @Test
  void theListNamesEachDeviceOnce() {
    assumeTrue(new TornadoBackend().availability() instanceof Availability.Available);
    List<String> ids =
        new TornadoBackend().devices().stream().map(AttentionBackend.Device::id).toList();
    assertEquals(ids.stream().distinct().toList(), ids);
    assertEquals(
        1, new TornadoBackend().devices().stream().filter(AttentionBackend.Device::chosen).count());
  }
}
