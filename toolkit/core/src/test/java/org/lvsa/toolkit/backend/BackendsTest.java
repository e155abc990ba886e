// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.PreparedAttention;

class BackendsTest {
  private final List<String> events = new ArrayList<>();

  /** A backend that notes what is opened and closed; {@code broken} ones fail to open. */
  private final class Fake implements AttentionBackend {
    private final String name;
    private final List<String> ids;
    private final Optional<Throwable> broken;

    Fake(String name, List<String> ids, Optional<Throwable> broken) {
      this.name = name;
      this.ids = ids;
      this.broken = broken;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public int speedRank() {
      return 1;
    }

    @Override
    public Availability availability() {
      return new Availability.Available("fake");
    }

    @Override
    public List<Device> devices() {
      return ids.stream().map(id -> new Device(id, id, 1, List.of("fast"), false, false)).toList();
    }

    /** Those with devices have int8. */
    @Override
    public Optional<String> unavailable(KernelOptions options) {
      return ids.isEmpty() ? AttentionBackend.super.unavailable(options) : Optional.empty();
    }

    @Override
    public AttentionKernel open(KernelOptions options) {
      KernelOptions checked = ids.isEmpty() ? options : options.with(Precision.FULL);
      checked.check(name, ids, ids.isEmpty() ? List.of() : List.of("fast"));
      broken.ifPresent(
          failure -> {
            switch (failure) {
              case Error error -> throw error;
              case RuntimeException exception -> throw exception;
              default -> throw new AssertionError(failure);
            }
          });
      events.add(
          "open "
              + name
              + options.device().map(d -> " " + d).orElse("")
              + options.kernel().map(k -> " " + k).orElse("")
              + (options.precision() == Precision.FULL ? "" : " " + options.precision()));
      return new AttentionKernel() {
        @Override
        public String device() {
          return "fake";
        }

        @Override
        public Optional<String> unsupported(AttentionShape shape, DType dtype) {
          return Optional.empty();
        }

        @Override
        public PreparedAttention prepare(AttentionInputs inputs) {
          throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
          events.add("close " + name);
        }
      };
    }
  }

  private Fake cpu() {
    return new Fake("cpu", List.of(), Optional.empty());
  }

  private Fake gpu() {
    return new Fake("gpu", List.of("0:0", "0:1"), Optional.empty());
  }

  private static KernelOptions device(String id) {
    return new KernelOptions(Optional.of(id), Optional.empty());
  }

  @Test
  void anUnknownNameIsAnsweredWithEachKnownOneOnce() {
    IllegalArgumentException unknown =
        assertThrows(IllegalArgumentException.class, () -> Backends.named("nd4", warning -> {}));
    String message = unknown.getMessage();
    assertTrue(message.startsWith("unknown backend nd4, the nearest is nd4j; known are "), message);
    List<String> names = List.of(message.substring(message.indexOf("are ") + 4).split(", "));
    assertEquals(names.stream().distinct().toList(), names);
    assertTrue(names.containsAll(List.of("auto", "nd4j", "tornado", "reference")), message);
  }

  @Test
  void whatWasOpenedIsClosedIfALaterOneFails() {
    for (Throwable failure :
        List.of(new IllegalStateException("no"), new NoClassDefFoundError("gone"))) {
      events.clear();
      List<AttentionBackend> backends =
          List.of(cpu(), gpu(), new Fake("broken", List.of(), Optional.of(failure)));
      assertEquals(
          failure,
          assertThrows(Throwable.class, () -> Backends.open(backends, KernelOptions.DEFAULT)));
      assertEquals(List.of("open cpu", "open gpu", "close cpu", "close gpu"), events);
    }
  }

  @Test
  void aDeviceGoesToTheBackendsThatHaveIt() {
    Backends.open(List.of(cpu(), gpu()), device("0:1"));
    assertEquals(List.of("open cpu", "open gpu 0:1"), events);
    events.clear();
    Backends.open(List.of(cpu(), gpu()), new KernelOptions(Optional.empty(), Optional.of("fast")));
    assertEquals(List.of("open cpu", "open gpu fast"), events);
  }

  @Test
  void aPrecisionGoesToTheBackendsThatHaveIt() {
    KernelOptions int8 = KernelOptions.DEFAULT.with(Precision.INT8);
    Backends.open(List.of(cpu(), gpu()), int8);
    assertEquals(List.of("open cpu", "open gpu INT8"), events);
    events.clear();
    String reason =
        "backend cpu has no scores of int8: the backend tornado has them, on a GPU with tensor"
            + " cores";
    assertEquals(
        reason,
        assertThrows(UnavailableException.class, () -> Backends.open(List.of(cpu()), int8))
            .getMessage());
    assertEquals(
        reason,
        assertThrows(UnavailableException.class, () -> Backends.open(cpu(), int8)).getMessage());
    // Whoever does not ask first is refused as well.
    assertThrows(IllegalArgumentException.class, () -> cpu().open(int8));
    assertTrue(events.isEmpty());
  }

  @Test
  void aDeviceThatNoBackendHasIsRefusedAndNothingStaysOpen() {
    assertEquals(
        "backend cpu has no device nonsense: it has only one device, leave the choice out",
        assertThrows(
                IllegalArgumentException.class,
                () -> Backends.open(List.of(cpu()), device("nonsense")))
            .getMessage());
    assertEquals(
        "backend gpu has no device nonsense, allowed are 0:0, 0:1",
        assertThrows(
                IllegalArgumentException.class,
                () -> Backends.open(List.of(gpu()), device("nonsense")))
            .getMessage());
    assertTrue(events.isEmpty());
  }
}
