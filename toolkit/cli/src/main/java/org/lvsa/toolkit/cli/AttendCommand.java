// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.function.Function;
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
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.pattern.PatternSettings;
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
      "  ./lvsa attend in.safetensors out.safetensors --backend vector --sparsity-scale 0.5"
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

  @Option(names = "--strict", description = "fail where auto has to pass over a faster backend")
  private boolean strict;

  @Option(names = "--latent-frames", paramLabel = "T", description = "latent frames")
  private Integer latentFrames;

  @Option(names = "--patches-per-frame", paramLabel = "P", description = "patches per frame")
  private Integer patchesPerFrame;

  @Option(names = "--text-tokens", paramLabel = "N", description = "tokens after the video's")
  private Integer textTokens;

  @Option(names = "--window", paramLabel = "W", description = "frames on either side")
  private Integer window;

  @Option(names = "--first-frames", paramLabel = "N", description = "leading global frames")
  private Integer firstFrames;

  @Option(names = "--reference-frames", paramLabel = "N", description = "training horizon")
  private Integer referenceFrames;

  @Option(names = "--sparsity-scale", paramLabel = "S", description = "multiplies the reference")
  private Double sparsityScale;

  @Option(names = "--key-frame-interval", paramLabel = "N", description = "keyframe distance")
  private Integer keyFrameInterval;

  @Option(names = "--step", paramLabel = "N", description = "denoising step")
  private Integer step;

  @Option(
      names = "--rotate-keyframes",
      negatable = true,
      description = "move the keyframes one position a step")
  private Boolean rotateKeyframes;

  @Option(
      names = "--no-expand-window",
      description = "do not grow windows over the global frames that they hold")
  private boolean noExpandWindow;

  @Override
  public Integer call() throws IOException {
    checkOutput();
    AttentionBackend chosen = Backends.named(backend, this::fallback);
    try (Arena arena = Arena.ofShared();
        AttentionKernel kernel = chosen.open(device.options())) {
      Safetensors file = Safetensors.open(in, arena);
      TensorInfo q = tensor(file, "q");
      TensorInfo k = tensor(file, "k");
      TensorInfo v = tensor(file, "v");
      AttentionShape shape = shape(file, q, k, v);
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
              : Pattern.build(settings(file, shape)).layout();
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

  private void checkOutput() {
    Path parent = out.toAbsolutePath().getParent();
    if (Files.isDirectory(out) || !Files.isDirectory(parent)) {
      throw new IllegalArgumentException(
          "cannot write "
              + out
              + ": "
              + (Files.isDirectory(out) ? "it is" : parent + " is not")
              + " a directory");
    }
    if (Files.exists(out) && isSame(in, out)) {
      throw new IllegalArgumentException("OUT must not be IN, got " + out + " for both");
    }
  }

  private static boolean isSame(Path a, Path b) {
    try {
      return Files.exists(a) && Files.isSameFile(a, b);
    } catch (IOException e) {
      return false;
    }
  }

  private static TensorInfo tensor(Safetensors file, String name) {
    TensorInfo info = file.info(name);
    if (info.shape().size() != 4 || info.shape().stream().anyMatch(n -> n < 1 || n > 1 << 30)) {
      throw new MalformedFileException(
          file.path()
              + ": tensor "
              + name
              + " must be [batch, tokens, heads, headDim], got shape "
              + info.shape());
    }
    return info;
  }

  private AttentionShape shape(Safetensors file, TensorInfo q, TensorInfo k, TensorInfo v) {
    if (!k.shape().equals(v.shape())) {
      throw new MalformedFileException(
          in + ": k and v must have one shape, got " + k.shape() + " and " + v.shape());
    }
    if (q.dtype() != k.dtype() || k.dtype() != v.dtype()) {
      throw new MalformedFileException(
          in + ": q, k and v must have one dtype, got " + List.of(q.dtype(), k.dtype(), v.dtype()));
    }
    for (int axis : new int[] {0, 1, 3}) {
      if (q.size(axis) != k.size(axis)) {
        throw new MalformedFileException(
            in
                + ": q and k must agree but in heads, got shapes "
                + q.shape()
                + " and "
                + k.shape());
      }
    }
    int frames = required(file, latentFrames, "latentFrames", "--latent-frames");
    int patches = required(file, patchesPerFrame, "patchesPerFrame", "--patches-per-frame");
    int text = integer(file, textTokens, "textTokens", 0);
    if ((long) frames * patches + text != q.size(1)) {
      throw new MalformedFileException(
          in
              + ": latentFrames · patchesPerFrame + textTokens is "
              + frames
              + " · "
              + patches
              + " + "
              + text
              + ", the tensors have "
              + q.size(1)
              + " tokens");
    }
    return new AttentionShape(q.size(0), frames, patches, text, q.size(2), k.size(2), q.size(3));
  }

  private PatternSettings settings(Safetensors file, AttentionShape shape) {
    Integer interval =
        keyFrameInterval != null
            ? keyFrameInterval
            : value(file, "keyFrameInterval", Integer::valueOf, null);
    return PatternSettings.of(
            shape.latentFrames(),
            shape.patchesPerFrame(),
            integer(file, window, "window", 3),
            integer(file, firstFrames, "firstFrames", 1),
            integer(file, referenceFrames, "referenceFrames", 21),
            sparsityScale != null
                ? sparsityScale
                : value(file, "sparsityScale", Double::valueOf, 1.0))
        .withKeyFrameInterval(interval == null ? OptionalInt.empty() : OptionalInt.of(interval))
        .withStep(integer(file, step, "step", 0))
        .withRotateKeyframes(
            rotateKeyframes != null
                ? rotateKeyframes
                : value(file, "rotateKeyframes", AttendCommand::truth, false))
        .withExpandWindow(
            !noExpandWindow && value(file, "expandWindow", AttendCommand::truth, true));
  }

  private int required(Safetensors file, Integer option, String name, String optionName) {
    Integer value = option != null ? option : value(file, name, Integer::valueOf, null);
    if (value == null) {
      throw new MalformedFileException(
          in + ": the metadata has no " + name + ": give " + optionName);
    }
    return value;
  }

  private int integer(Safetensors file, Integer option, String name, int missing) {
    return option != null ? option : value(file, name, Integer::valueOf, missing);
  }

  private <T> T value(Safetensors file, String name, Function<String, T> reader, T missing) {
    String text = file.metadata().get(name);
    if (text == null || text.equals("null")) {
      return missing;
    }
    try {
      return reader.apply(text);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(in + ": metadata " + name + " cannot be read, got " + text);
    }
  }

  private static Boolean truth(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException(text);
    };
  }

  private static void checkMemory(AttentionShape shape, int convertedBytes) {
    long needed =
        shape.queryElements() * Float.BYTES
            + (shape.queryElements() + 2 * shape.keyElements()) * convertedBytes;
    long free = Memory.available();
    if (needed > free) {
      throw new IllegalArgumentException(
          "this problem needs " + (needed >> 20) + " MiB, " + (free >> 20) + " MiB are free here");
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
