// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.ReferenceBackend;

/**
 * A machine with eight devices, under the name of the GPU backend, which is on no class path of
 * these tests. Its kernels are those of the reference; only the choice of the device is tried.
 */
public final class FakeGpus implements AttentionBackend {
  /** For {@link java.util.ServiceLoader}. */
  public FakeGpus() {}

  @Override
  public String name() {
    return "tornado";
  }

  /** Behind the others, so that {@code auto} never takes it. */
  @Override
  public int speedRank() {
    return -1;
  }

  @Override
  public Availability availability() {
    return new Availability.Available("fake 0:0");
  }

  @Override
  public List<Device> devices() {
    return IntStream.range(0, 8)
        .mapToObj(i -> new Device("0:" + i, "fake 0:" + i, 1L << 30, List.of(), i == 0, false))
        .toList();
  }

  @Override
  public AttentionKernel open(KernelOptions options) {
    options.check(name(), devices().stream().map(Device::id).toList(), List.of());
    return new Kernel(
        "fake " + options.device().orElse("0:0"),
        new ReferenceBackend().open(KernelOptions.DEFAULT));
  }

  private record Kernel(String device, AttentionKernel reference) implements AttentionKernel {
    @Override
    public Optional<String> unsupported(AttentionShape shape, DType dtype) {
      return reference.unsupported(shape, dtype);
    }

    @Override
    public PreparedAttention prepare(AttentionInputs inputs) {
      return reference.prepare(inputs);
    }
  }
}
