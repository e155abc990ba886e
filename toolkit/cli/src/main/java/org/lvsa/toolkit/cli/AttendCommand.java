// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.TensorInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "attend",
    description = "Runs attention on the q, k and v of a safetensors file.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "The settings come from the file's metadata (latentFrames, patchesPerFrame, textTokens,",
      "window, firstFrames, referenceFrames, sparsityScale, keyFrameInterval, step,",
      "rotateKeyframes, expandWindow); an option goes before them.",
      "",
      "Example:",
      "  ./lvsa attend in.safetensors out.safetensors --backend vector --sparsity-scale 0.5",
      "  ./lvsa attend in.safetensors out.safetensors --dtype f16 --precision int8"
    })
final class AttendCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "IN",
      description = "q, k, v: [batch, tokens, heads, headDim]")
  private Path in;

  @Parameters(index = "1", paramLabel = "OUT", description = "receives out (F32)")
  private Path out;

  @Option(names = "--dense", description = "every frame attends to every frame")
  private boolean dense;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "auto",
      description = "auto, reference, nd4j, vector, tornado (default: ${DEFAULT-VALUE})")
  private String backend;

  @Option(
      names = "--dtype",
      description = "convert q, k and v first: ${COMPLETION-CANDIDATES} (default: as in the file)")
  private DType dtype;

  @Mixin private DeviceOption device;

  @Option(
      names = "--strict",
      description = "fail where auto has to pass over a faster backend or kernel")
  private boolean strict;

  @Mixin private AttendSettings settings;

  @Override
  public Integer call() throws IOException {
    OutputFile.check(out);
    if (isSame(in, out)) {
      throw new IllegalArgumentException("OUT must not be IN, got " + out + " for both");
    }
    AttentionBackend chosen = Backends.named(backend, this::fallback);
    try (Arena arena = Arena.ofShared();
        AttentionKernel kernel = Backends.open(chosen, device.options())) {
      Safetensors file = Safetensors.open(in, arena);
      TensorInfo q = AttendSettings.tensor(file, "q");
      TensorInfo k = AttendSettings.tensor(file, "k");
      TensorInfo v = AttendSettings.tensor(file, "v");
      AttentionShape shape = settings.shape(file, q, k, v);
      DType stored = q.dtype();
      DType wanted = dtype == null ? stored : dtype;
      kernel
          .unsupported(shape, wanted)
          .ifPresent(
              reason -> {
                throw new UnavailableException(
                    "backend " + chosen.name() + " cannot run this: " + reason);
              });
      checkMemory(shape, stored == wanted ? 0 : wanted.bytes());
      BlockSparseLayout layout =
          dense
              ? BlockSparseLayout.dense(shape.latentFrames())
              : Pattern.build(settings.pattern(file, shape)).layout();
      AttentionProblem problem =
          new AttentionProblem(
              new AttentionInputs(
                  shape,
                  wanted,
                  convert(file.data("q"), stored, wanted, arena),
                  convert(file.data("k"), stored, wanted, arena),
                  convert(file.data("v"), stored, wanted, arena)),
              layout);
      AttentionOutput output = AttentionOutput.allocate(shape, arena);
      KernelRun run = kernel.run(problem, output);
      kernel.passedOver().forEach(what -> fallback("auto passes over " + what));
      write(q, chosen, kernel, problem, output, run);
    }
    return 0;
  }

  private void fallback(String message) {
    if (strict) {
      throw new UnavailableException("--strict: " + message);
    }
    spec.commandLine().getErr().println("lvsa: warning: " + message);
  }

  private static boolean isSame(Path a, Path b) {
    try {
      return Files.exists(a) && Files.exists(b) && Files.isSameFile(a, b);
    } catch (IOException e) {
      return false;
    }
  }

  private static void checkMemory(AttentionShape shape, int convertedBytes) {
    try {
      long outputs = Math.multiplyExact(shape.queryElements(), Float.BYTES);
      long inputs =
          Math.addExact(shape.queryElements(), Math.multiplyExact(2, shape.keyElements()));
      Memory.require(
          "this problem", Math.addExact(outputs, Math.multiplyExact(inputs, convertedBytes)));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("this problem needs more than 2^63 bytes", e);
    }
  }

  private static MemorySegment convert(
      MemorySegment data, DType stored, DType wanted, Arena arena) {
    if (stored == wanted) {
      return data;
    }
    long elements = data.byteSize() / stored.bytes();
    MemorySegment converted = arena.allocate(elements * wanted.bytes(), 64);
    for (long i = 0; i < elements; i++) {
      wanted.set(converted, i, stored.get(data, i));
    }
    return converted;
  }

  private void write(
      TensorInfo q,
      AttentionBackend chosen,
      AttentionKernel kernel,
      AttentionProblem problem,
      AttentionOutput output,
      KernelRun run)
      throws IOException {
    String milliseconds = String.format(Locale.ROOT, "%.3f", run.kernelMillis());
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("backend", "\"" + chosen.name() + "\"");
    metadata.put("device", "\"" + kernel.device() + "\"");
    metadata.put("kernel", "\"" + run.kernel() + "\"");
    metadata.put("dtype", "\"" + problem.dtype() + "\"");
    metadata.put("milliseconds", milliseconds);
    metadata.put("density", Double.toString(problem.layout().density()));
    Safetensors.write(
        out, Map.of("out", new Safetensors.FloatTensor(q.shape(), output.out())), metadata);
    PrintWriter screen = spec.commandLine().getOut();
    screen.printf(
        Locale.ROOT,
        "%s: %s on %s, density %.4f, %s ms%n",
        out,
        run.kernel(),
        kernel.device(),
        problem.layout().density(),
        milliseconds);
    screen.flush();
  }
}
