// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.Precision;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.TokenOrders;

/**
 * Attention on a device of TornadoVM: the tensor-core kernel where device, type and headDim allow
 * it and it passes its self-check, else the portable kernel, unless the options name one of the
 * two. Of the tensor-core kernels, {@link RegisterProgram} is taken for layouts of frames and for
 * token blocks whose sizes are multiples of 32, {@link TensorCoreProgram} for the others, which
 * float32 leaves to the portable kernel.
 *
 * <p>Prepared inputs own a {@link DeviceProgram}: buffers and compiled code for one shape and type.
 * When they are closed, the kernel keeps the program for the next inputs of that shape and type, so
 * that nothing is compiled and no buffer allocated again. It keeps one such program; another shape
 * takes its place.
 *
 * <p>Times are the device's own, from TornadoVM's profiler. Copies between the caller's memory, the
 * host buffers and the device are transfer time; layout changes on the device are preparation.
 */
final class TornadoKernel implements AttentionKernel {
  static final String PORTABLE = "portable";
  private static final String TENSOR_CORE = "tensorcore";

  private final TornadoTarget device;
  private final Optional<String> forced;
  private final Precision precision;
  private final Optional<TensorCoreCheck> check;
  private final Set<String> passedOver = new LinkedHashSet<>();
  private Optional<DeviceProgram> spare = Optional.empty();
  private boolean closed;

  /**
   * @param kernel the name of the kernel to take, one of {@link #kernels}; empty for the fastest
   */
  TornadoKernel(TornadoTarget device, Optional<String> kernel, Precision precision) {
    this(device, kernel, precision, Optional.of(TensorCoreCheck.of(device)));
  }

  /**
   * @param check tries tensor-core kernels before they are used; empty for none
   */
  TornadoKernel(
      TornadoTarget device,
      Optional<String> kernel,
      Precision precision,
      Optional<TensorCoreCheck> check) {
    this.device = device;
    this.precision = precision;
    // One kernel alone has another precision: who asks for that asks for the kernel.
    this.forced = precision == Precision.FULL ? kernel : Optional.of(TENSOR_CORE);
    this.check = check;
  }

  /** The tensor-core kernels as they are, for {@link TensorCoreCheck}. */
  static TornadoKernel unchecked(TornadoTarget device, Precision precision) {
    return new TornadoKernel(device, Optional.of(TENSOR_CORE), precision, Optional.empty());
  }

  /** Names of all kernels, whatever the device. */
  static List<String> names() {
    return List.of(PORTABLE, TENSOR_CORE);
  }

  /** Names of the kernels that a device can run. */
  static List<String> kernels(TornadoTarget device) {
    return device.tensorCores() ? names() : List.of(PORTABLE);
  }

  @Override
  public String device() {
    return device.description();
  }

  private boolean takesTensorCores(AttentionShape shape, DType dtype) {
    return forced
        .map(TENSOR_CORE::equals)
        .orElseGet(
            () ->
                TensorCoreProgram.unsupported(shape, device).isEmpty()
                    && (dtype != DType.F32 || takesParts(shape))
                    && !passesOver(wrong(shape, dtype, SelfCheck.Kind.FRAMES)));
  }

  /** Whether there is room for float32 and its parts, which take more of it than numbers alone. */
  private boolean takesParts(AttentionShape shape) {
    RegisterProgram.Room frames = RegisterProgram.Room.forFrames(shape, DType.F32);
    return RegisterProgram.takes(shape, DType.F32, device, frames);
  }

  /** Whether something is wrong with the tensor-core kernel that nobody asked for by name. */
  private boolean passesOver(Optional<String> wrong) {
    wrong.ifPresent(reason -> passedOver.add("the kernel " + TENSOR_CORE + ": " + reason));
    return wrong.isPresent();
  }

  @Override
  public List<String> passedOver() {
    return List.copyOf(passedOver);
  }

  @Override
  public double allowedError(DType dtype) {
    return precision == Precision.FULL
        ? AttentionKernel.super.allowedError(dtype)
        : Int8Inputs.ALLOWED_ERROR;
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    if (precision == Precision.INT8) {
      Optional<String> reason =
          Int8Inputs.unsupported(dtype)
              .or(() -> TensorCoreProgram.unsupported(shape, device))
              .or(
                  () ->
                      problem(shape, dtype)
                              .fits(device, RegisterProgram.Room.forFrames(shape, dtype))
                          ? Optional.empty()
                          : Optional.of(
                              "int8 needs more memory than there is: " + device.description()));
      if (reason.isPresent()) {
        return reason.map(why -> TENSOR_CORE + " kernel: " + why);
      }
    }
    boolean tensorCore = takesTensorCores(shape, dtype);
    if (tensorCore) {
      Optional<String> reason = TensorCoreProgram.unsupported(shape, device);
      if (reason.isPresent()) {
        return reason.map(why -> TENSOR_CORE + " kernel: " + why);
      }
    } else if (shape.headDim() > PortableKernel.MAX_HEAD_DIM) {
      return Optional.of(
          "headDim must be at most " + PortableKernel.MAX_HEAD_DIM + ", got " + shape.headDim());
    }
    return tooLarge(shape)
        .or(() -> tooMuchMemory(shape, dtype, tensorCore, frameRoom(shape, tensorCore), 0))
        .or(() -> tensorCore ? refused(shape, dtype, SelfCheck.Kind.FRAMES) : Optional.empty());
  }

  private RegisterProgram.Problem problem(AttentionShape shape, DType dtype) {
    return new RegisterProgram.Problem(shape, dtype, precision);
  }

  /** What the self-check says against the tensor-core kernel of such problems. */
  private Optional<String> wrong(AttentionShape shape, DType dtype, SelfCheck.Kind kind) {
    return check
        .flatMap(
            some -> some.failure(new TensorCoreCheck.Case(dtype, shape.headDim(), kind, precision)))
        .map(reason -> "its self-check: " + reason);
  }

  /** Why a tensor-core kernel that was asked for by name does not run. */
  private Optional<String> refused(AttentionShape shape, DType dtype, SelfCheck.Kind kind) {
    return wrong(shape, dtype, kind).map(this::refusal);
  }

  private String refusal(String reason) {
    return TENSOR_CORE
        + " kernel: "
        + reason
        + (precision == Precision.FULL
            ? "; --kernel portable does not use it"
            : "; without --precision int8 others run");
  }

  /** TornadoVM counts the elements of an array, and the threads of a grid, as int. */
  private static Optional<String> tooLarge(AttentionShape shape) {
    // Padding of frames, and room to read beyond the last token.
    long padding =
        Math.multiplyExact(
            8L * (shape.latentFrames() + 1L) + 64, (long) shape.kvHeads() * shape.headDim());
    long elements = Math.max(shape.queryElements(), shape.keyElements());
    if (elements > Integer.MAX_VALUE || padding > (Integer.MAX_VALUE - elements) / shape.batch()) {
      return Optional.of(elements + " elements are more than a TornadoVM array holds (2^31)");
    }
    TileRoom room = PortableProgram.room(shape);
    long runs = room.runs();
    if (3 * runs > Integer.MAX_VALUE) {
      return Optional.of(
          shape.latentFrames() + " latent frames can need " + runs + " runs of keys, too many");
    }
    long threads = room.tiles() * PortableKernel.THREADS;
    if (threads > Integer.MAX_VALUE) {
      return Optional.of(threads + " threads are more than a TornadoVM grid holds (2^31)");
    }
    return Optional.empty();
  }

  private static TileRoom frameRoom(AttentionShape shape, boolean tensorCore) {
    return tensorCore ? TensorCoreProgram.room(shape) : PortableProgram.room(shape);
  }

  /** Why the buffers of a layout of token blocks cannot be made. */
  private Optional<String> tooLarge(DeviceProgram program, boolean tensorCore, TileRoom room) {
    AttentionShape shape = program.shape();
    long numbers = shape.heads() + 4 * room.tiles() * room.lists();
    if (3 * room.runs() > Integer.MAX_VALUE
        || numbers > Integer.MAX_VALUE
        || room.tiles() * PortableKernel.THREADS > Integer.MAX_VALUE
        || tensorCore
            && TensorCoreProgram.keyColumns(shape, room) + TensorCoreKernels.KEYS
                > Integer.MAX_VALUE) {
      return Optional.of(
          "the layout needs "
              + room.tiles()
              + " tiles of queries for each of "
              + room.lists()
              + " heads and "
              + room.runs()
              + " runs of keys, more than TornadoVM's arrays hold");
    }
    return tooMuchMemory(shape, program.dtype(), tensorCore, room, program.passage().bytes());
  }

  /**
   * @param more bytes that token orders need
   */
  private Optional<String> tooMuchMemory(
      AttentionShape shape, DType dtype, boolean tensorCore, TileRoom room, long more) {
    long needed = more + bytes(shape, dtype, tensorCore, room);
    if (needed <= device.memory()) {
      return Optional.empty();
    }
    return Optional.of(
        "needs "
            + (needed >> 20)
            + " MiB of device memory, "
            + device.description()
            + " has "
            + (device.memory() >> 20));
  }

  private static long bytes(AttentionShape shape, DType dtype, boolean tensorCore, TileRoom room) {
    if (!tensorCore) {
      return PortableProgram.bytes(shape, dtype, room);
    }
    return dtype == DType.F32
        ? RegisterProgram.bytes(shape, dtype, RegisterProgram.Room.forFrames(shape, dtype))
        : TensorCoreProgram.bytes(shape, room);
  }

  @Override
  public PreparedAttention prepare(AttentionInputs inputs) {
    return prepare(inputs, inputs.shape(), Optional.empty());
  }

  @Override
  public PreparedAttention prepare(AttentionInputs inputs, TokenOrders orders) {
    orders.check(inputs.shape());
    if (orders.areIdentity()) {
      return prepare(inputs);
    }
    return prepare(inputs, orders.shape(inputs.shape()), Optional.of(orders));
  }

  private PreparedAttention prepare(
      AttentionInputs inputs, AttentionShape shape, Optional<TokenOrders> orders) {
    if (closed) {
      throw new IllegalStateException("the kernel is closed");
    }
    DeviceProgram program =
        program(
            shape, inputs.dtype(), orders.map(given -> Passage.Orders.of(given, inputs.shape())));
    try {
      return new TornadoAttention(inputs, orders, program, this);
    } catch (RuntimeException | Error e) {
      // Whatever state it is in: the next inputs get another one.
      closeQuietly(program, e);
      throw e;
    }
  }

  private DeviceProgram program(
      AttentionShape shape, DType dtype, Optional<Passage.Orders> orders) {
    DeviceProgram kept = spare.orElse(null);
    spare = Optional.empty();
    RegisterProgram.Room frames = RegisterProgram.Room.forFrames(shape, dtype);
    boolean registers =
        takesTensorCores(shape, dtype) && problem(shape, dtype).fits(device, frames);
    if (kept != null
        && kept.shape().equals(shape)
        && kept.dtype() == dtype
        && kept.passage().orders().equals(orders)
        && kept instanceof RegisterProgram == registers) {
      return kept;
    }
    if (kept != null) {
      kept.close();
    }
    boolean tensorCore = takesTensorCores(shape, dtype);
    if (tensorCore) {
      KernelFailedException.throwIf(refused(shape, dtype, SelfCheck.Kind.FRAMES));
    }
    TileRoom room = frameRoom(shape, tensorCore);
    KernelFailedException.throwIf(
        tooMuchMemory(shape, dtype, tensorCore, room, Passage.bytes(shape, dtype, orders)));
    if (registers) {
      return TornadoErrors.guarded(
          () -> new RegisterProgram(problem(shape, dtype), device, frames, orders));
    }
    return make(shape, dtype, room, orders);
  }

  /**
   * Refuses a program in place of another one that does not hold a layout.
   *
   * @throws KernelFailedException with the reason, if there can be no such program
   */
  void check(DeviceProgram before, List<List<KeyRanges>> groups) {
    boolean tensorCore = takesTensorCores(before.shape(), before.dtype());
    KernelFailedException.throwIf(tooLarge(before, tensorCore, grown(before, groups)));
  }

  /** Room for a layout, and for what a program holds. */
  private static TileRoom grown(DeviceProgram before, List<List<KeyRanges>> groups) {
    QueryTiles tiles = before.tiles();
    return tiles.room().with(TileRoom.forGroups(before.shape(), tiles.queriesPerTile(), groups));
  }

  /**
   * The program among several that takes a layout; empty if a new one would be faster, or none
   * holds it.
   *
   * @param loaded of one shape and type, the one that ran last first
   */
  Optional<DeviceProgram> fitting(Deque<DeviceProgram> loaded, List<List<KeyRanges>> groups) {
    Optional<DeviceProgram> registers = fitting(loaded, groups, true);
    return registers.isPresent()
        ? registers
        : fitting(loaded, groups, false).filter(other -> registers(loaded, groups).isEmpty());
  }

  private static Optional<DeviceProgram> fitting(
      Deque<DeviceProgram> loaded, List<List<KeyRanges>> groups, boolean registers) {
    return loaded.stream()
        .filter(program -> program instanceof RegisterProgram == registers)
        .filter(program -> program.holds(groups))
        .findFirst();
  }

  /** Room of a program for a layout and for what programs like it hold; empty if none takes it. */
  private Optional<RegisterProgram.Room> registers(
      Deque<DeviceProgram> loaded, List<List<KeyRanges>> groups) {
    DeviceProgram last = loaded.getFirst();
    AttentionShape shape = last.shape();
    DType dtype = last.dtype();
    if (!takesTensorCores(shape, dtype)) {
      return Optional.empty();
    }
    Optional<RegisterProgram.Room> room =
        RegisterProgram.room(shape, dtype, groups, grown(last, groups));
    for (DeviceProgram one : loaded) {
      if (one instanceof RegisterProgram old) {
        room = room.map(some -> some.with(old.room()));
      }
    }
    return room.filter(some -> problem(shape, dtype).fits(device, some))
        .filter(some -> !some.ofOwnKeys() || passes(shape, dtype));
  }

  /**
   * Makes the fastest program for a layout that none holds. The new one holds what programs like it
   * hold, so those are closed before, and so are the oldest others if all would take more than a
   * quarter of the device's memory: the host has arrays as large.
   *
   * @param loaded programs of one shape and type, the one that ran last first; loses those that are
   *     closed
   */
  DeviceProgram another(Deque<DeviceProgram> loaded, List<List<KeyRanges>> groups) {
    DeviceProgram last = loaded.getFirst();
    AttentionShape shape = last.shape();
    DType dtype = last.dtype();
    TileRoom room = grown(last, groups);
    Optional<RegisterProgram.Room> registers = registers(loaded, groups);
    Optional<Passage.Orders> orders = last.passage().orders();
    closeSome(
        loaded,
        program ->
            program instanceof RegisterProgram old
                ? registers.filter(old.room()::isLike).isPresent()
                : registers.isEmpty(),
        last.bytes());
    if (registers.isPresent()) {
      RegisterProgram.Room some = registers.get();
      return TornadoErrors.guarded(
          () -> new RegisterProgram(problem(shape, dtype), device, some, orders));
    }
    return make(shape, dtype, room, orders);
  }

  /**
   * @param bytes that another program is going to need, which does not differ much by the layout
   */
  private void closeSome(
      Deque<DeviceProgram> loaded, Predicate<DeviceProgram> superseded, long bytes) {
    for (DeviceProgram old : loaded.stream().filter(superseded).toList()) {
      loaded.remove(old);
      old.close();
    }
    while (!loaded.isEmpty()
        && bytes + loaded.stream().mapToLong(DeviceProgram::bytes).sum() > device.memory() / 4) {
      loaded.removeLast().close();
    }
  }

  /**
   * Whether the kernels for blocks with few keys in common pass their self-check.
   *
   * @throws KernelFailedException if they do not, and were asked for by name
   */
  private boolean passes(AttentionShape shape, DType dtype) {
    Optional<String> wrong = wrong(shape, dtype, SelfCheck.Kind.OWN_KEYS);
    if (forced.isPresent()) {
      KernelFailedException.throwIf(wrong.map(this::refusal));
    }
    return !passesOver(wrong);
  }

  /** A new program for any layout, whose plan is compiled when it first runs. */
  private DeviceProgram make(
      AttentionShape shape, DType dtype, TileRoom room, Optional<Passage.Orders> orders) {
    if (takesTensorCores(shape, dtype)) {
      Optional<String> against =
          dtype == DType.F32
              ? Optional.of(
                  "float32 takes layouts of frames, and of token blocks of multiples of 32")
              : precision == Precision.INT8
                  ? Optional.of(
                      "int8 takes layouts of frames, and of token blocks of multiples of 32")
                  : wrong(shape, dtype, SelfCheck.Kind.BLOCKS);
      if (against.isEmpty()) {
        return TornadoErrors.guarded(
            () -> new TensorCoreProgram(shape, dtype, device, room, orders));
      }
      if (forced.isPresent()) {
        throw new KernelFailedException(refusal(against.get()));
      }
      if (dtype != DType.F32) {
        passesOver(against);
      }
      KernelFailedException.throwIf(
          tooMuchMemory(shape, dtype, false, room, Passage.bytes(shape, dtype, orders)));
    }
    return TornadoErrors.guarded(() -> new PortableProgram(shape, dtype, device, room, orders));
  }

  /** Keeps a program that nobody uses any more for the next inputs, in place of an older one. */
  void giveBack(DeviceProgram program) {
    if (closed) {
      program.close();
    } else {
      Optional<DeviceProgram> older = spare;
      spare = Optional.of(program);
      older.ifPresent(DeviceProgram::close);
    }
  }

  /** Closes a program of which something failed. */
  static void closeQuietly(DeviceProgram program, Throwable because) {
    try {
      program.close();
    } catch (RuntimeException | Error e) {
      because.addSuppressed(e);
    }
  }

  /** The name that a result row gets: {@code tornado-portable-f32}. */
  static String rowName(String kernel, DType dtype) {
    return "tornado-" + kernel + "-" + dtype.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public void close() {
    closed = true;
    Optional<DeviceProgram> last = spare;
    spare = Optional.empty();
    last.ifPresent(DeviceProgram::close);
  }
}
