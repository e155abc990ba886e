// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.ReferenceBackend;
import org.lvsa.kernels.tornado.TensorCoreCheck.Case;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;

/** A tensor-core kernel that computes something else is refused. Needs no device. */
class TensorCoreCheckTest {
  private static final AttentionShape SHAPE = new AttentionShape(1, 3, 20, 0, 1, 1, 64);

  /** A card with tensor cores, which runs nothing. */
  private static final TornadoTarget CARD =
      new TornadoTarget(
          "0:0",
          "0:0",
          proxy(
              TornadoDevice.class,
              name ->
                  switch (name) {
                    case "getTornadoVMBackend" -> TornadoVMBackendType.CUDA;
                    case "getMaxGlobalMemory" -> 80L << 30;
                    case "getPhysicalDevice" ->
                        proxy(
                            physical(),
                            inner ->
                                inner.equals("getDeviceInfo")
                                    ? "Device version : CUDA 9.0"
                                    : "card");
                    default -> null;
                  }));

  private interface Answers {
    Object to(String method);
  }

  private static <T> T proxy(Class<T> type, Answers answers) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> answers.to(method.getName())));
  }

  private static Class<?> physical() {
    try {
      return TornadoDevice.class.getMethod("getPhysicalDevice").getReturnType();
    } catch (NoSuchMethodException e) {
      throw new AssertionError(e);
    }
  }

  /** Computes attention, and then leaves out the last frame, as a kernel may that lost a group. */
  private record Lossy(AttentionKernel right) implements AttentionKernel {
    @Override
    public String device() {
      return "none";
    }

    @Override
    public Optional<String> unsupported(AttentionShape shape, DType dtype) {
      return Optional.empty();
    }

    @Override
    public PreparedAttention prepare(AttentionInputs inputs) {
      PreparedAttention prepared = right.prepare(inputs);
      return new PreparedAttention() {
        @Override
        public Preparation preparation() {
          return prepared.preparation();
        }

        @Override
        public KernelRun run(BlockSparseLayout layout, AttentionOutput output) {
          KernelRun run = prepared.run(layout, output);
          long frame = output.out().byteSize() / inputs.shape().latentFrames();
          output.out().asSlice(output.out().byteSize() - frame).fill((byte) 0);
          return new KernelRun("lossy", 1, 0, 0, run.extraBytes());
        }

        @Override
        public void close() {
          prepared.close();
        }
      };
    }
  }

  private static final String WRONG =
      "lossy gave a wrong result on a small problem: relative error NUMBER, at most 5e-03 is right";

  private static String withoutNumber(String reason) {
    return reason.replaceFirst("error [0-9.]+", "error NUMBER");
  }

  @Test
  void aWrongKernelIsPassedOverWithItsReasonAndTriedOnce() {
    List<Case> tried = new ArrayList<>();
    try (AttentionKernel right = new ReferenceBackend().open(KernelOptions.DEFAULT)) {
      TensorCoreCheck check =
          new TensorCoreCheck(
              what -> {
                tried.add(what);
                return what.failure(new Lossy(right));
              });
      TornadoKernel kernel =
          new TornadoKernel(CARD, Optional.empty(), Precision.FULL, Optional.of(check));
      assertEquals(List.of(), kernel.passedOver());
      for (int times = 0; times < 2; times++) {
        assertEquals(Optional.empty(), kernel.unsupported(SHAPE, DType.BF16));
        assertEquals(
            List.of("the kernel tensorcore: its self-check: " + WRONG),
            kernel.passedOver().stream().map(TensorCoreCheckTest::withoutNumber).toList());
      }
      assertEquals(List.of(new Case(DType.BF16, 64, SelfCheck.Kind.FRAMES, Precision.FULL)), tried);
      TornadoKernel named =
          new TornadoKernel(CARD, Optional.of("tensorcore"), Precision.FULL, Optional.of(check));
      assertEquals(
          "tensorcore kernel: its self-check: " + WRONG + "; --kernel portable does not use it",
          withoutNumber(named.unsupported(SHAPE, DType.BF16).orElseThrow()));
      try (Arena arena = Arena.ofShared()) {
        AttentionInputs inputs = RandomProblem.draw(SHAPE, DType.BF16, 1, 1, 5, arena).inputs();
        assertThrows(KernelFailedException.class, () -> named.prepare(inputs));
      }
      assertEquals(List.of(), named.passedOver());
      TornadoKernel portable =
          new TornadoKernel(CARD, Optional.of("portable"), Precision.FULL, Optional.of(check));
      assertEquals(Optional.empty(), portable.unsupported(SHAPE, DType.BF16));
      assertEquals(1, tried.size());
    }
  }

  @Test
  void scoresOfInt8HaveAnErrorAndACheckOfTheirOwn() {
    List<Case> tried = new ArrayList<>();
    try (AttentionKernel right = new ReferenceBackend().open(KernelOptions.DEFAULT)) {
      TensorCoreCheck wrong =
          new TensorCoreCheck(
              what -> {
                tried.add(what);
                return what.failure(new Lossy(right));
              });
      TornadoKernel kernel =
          new TornadoKernel(CARD, Optional.empty(), Precision.INT8, Optional.of(wrong));
      assertEquals(
          "tensorcore kernel: its self-check: " + WRONG + "; without --precision int8 others run",
          withoutNumber(kernel.unsupported(SHAPE, DType.BF16).orElseThrow()));
      assertEquals(List.of(new Case(DType.BF16, 64, SelfCheck.Kind.FRAMES, Precision.INT8)), tried);
      assertEquals(List.of(), kernel.passedOver());
      assertEquals(
          "tensorcore kernel: int8 takes inputs of 16 bits: give --dtype f16 or --dtype bf16",
          kernel.unsupported(SHAPE, DType.F32).orElseThrow());
      assertEquals(0.04, kernel.allowedError(DType.BF16), 1e-6);
      TensorCoreCheck passes = new TensorCoreCheck(what -> what.failure(right));
      TornadoKernel good =
          new TornadoKernel(CARD, Optional.empty(), Precision.INT8, Optional.of(passes));
      assertEquals(Optional.empty(), good.unsupported(SHAPE, DType.F16));
      TornadoKernel full =
          new TornadoKernel(CARD, Optional.empty(), Precision.FULL, Optional.of(passes));
      assertEquals(5e-3, full.allowedError(DType.BF16));
    }
  }

  @Test
  void aRightKernelPassesForEachTypeAndHeadDim() {
    try (AttentionKernel right = new ReferenceBackend().open(KernelOptions.DEFAULT)) {
      TensorCoreCheck check = new TensorCoreCheck(what -> what.failure(right));
      for (SelfCheck.Kind kind : SelfCheck.Kind.values()) {
        for (DType dtype : DType.values()) {
          for (int headDim : new int[] {64, 128}) {
            assertEquals(
                Optional.empty(), check.failure(new Case(dtype, headDim, kind, Precision.FULL)));
          }
        }
      }
    }
  }
}
