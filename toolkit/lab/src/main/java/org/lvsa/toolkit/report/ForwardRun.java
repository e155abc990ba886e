// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.sweep.Statistics;

/**
 * Forward passes of a whole transformer on a device, read from what the programs that timed them
 * printed: {@code TransformerSpeed} of {@code kernels/tornado}'s tests, in files {@code
 * forward-*.txt}, and {@code benchmarks/peers/torch_wan.py}, in {@code torch.txt}.
 *
 * @param system who computed it
 * @param latentFrames of the video
 * @param dense whether every frame attends to every frame; else the layout is LVSA's
 * @param seconds of a forward pass, the median
 */
record ForwardRun(System system, int latentFrames, boolean dense, double seconds) {
  /** Layers, heads, headDim and feed-forward width of Wan 1.3B, which torch_wan.py has too. */
  private static final String WAN = "30 12 128 8960";

  /** Arguments of TransformerSpeed, wherever they stand in the line that says what runs. */
  private static final Pattern BEGIN =
      Pattern.compile("== .*?(\\d+ \\d+ \\d+ \\d+) (\\d+) \\d+ \\d+ \\d+ (\\w+) \\d+ (\\S+)(.*)");

  private static final Pattern MILLIS = Pattern.compile("([\\d.]+) ms");
  private static final Pattern KERNEL = Pattern.compile("Kernels\\[.*attention=([\\w-]+)\\].*");
  private static final Pattern TORCH =
      Pattern.compile("torch \\S+ (\\d+) latent frames (dense|per-frame): ([\\d. ]+) ms.*");

  /** Who computes. */
  enum System {
    /** The toolkit with its kernel in Java. */
    JAVA("ours, kernel in Java"),
    /** The toolkit with NVIDIA's attention. */
    CUDNN("ours, cuDNN"),
    /** PyTorch: dense by cuDNN, LVSA by the published path, frame by frame. */
    TORCH("PyTorch");

    private final String words;

    System(String words) {
      this.words = words;
    }

    /** The system for a table or a plot. */
    String words() {
      return words;
    }
  }

  /** Video frames, of which Wan makes a latent frame of four behind the first one. */
  int videoFrames() {
    return 4 * (latentFrames - 1) + 1;
  }

  /** Whether a folder holds such files. */
  static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve("torch.txt"));
  }

  /**
   * All runs of Wan 1.3B in 16 bits that a folder holds.
   *
   * @throws MalformedFileException if there are none
   */
  static List<ForwardRun> read(Path folder) throws IOException {
    List<ForwardRun> runs = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.equals("torch.txt")) {
          runs.addAll(torch(Files.readAllLines(file)));
        } else if (name.startsWith("forward") && name.endsWith(".txt")) {
          runs.addAll(ours(Files.readAllLines(file)));
        }
      }
    }
    if (runs.isEmpty()) {
      throw new MalformedFileException(folder + ": no forward pass of Wan 1.3B is in its files");
    }
    return runs;
  }

  private static List<ForwardRun> torch(List<String> lines) {
    List<ForwardRun> runs = new ArrayList<>();
    for (String line : lines) {
      Matcher run = TORCH.matcher(line);
      if (run.matches()) {
        List<Double> millis = Stream.of(run.group(3).split(" ")).map(Double::valueOf).toList();
        runs.add(
            new ForwardRun(
                System.TORCH,
                Integer.parseInt(run.group(1)),
                run.group(2).equals("dense"),
                median(millis)));
      }
    }
    return runs;
  }

  /** A run is a line that says what runs, times line by line, and a line that names the kernels. */
  private static List<ForwardRun> ours(List<String> lines) {
    List<ForwardRun> runs = new ArrayList<>();
    Matcher begun = BEGIN.matcher("");
    List<Double> millis = new ArrayList<>();
    for (String line : lines) {
      Matcher begin = BEGIN.matcher(line);
      Matcher time = MILLIS.matcher(line);
      Matcher kernel = KERNEL.matcher(line);
      if (line.startsWith("== ")) {
        begun = begin;
        millis.clear();
      } else if (time.matches()) {
        millis.add(Double.valueOf(time.group(1)));
      } else if (kernel.matches() && !millis.isEmpty() && isMeant(begun)) {
        runs.add(
            new ForwardRun(
                kernel.group(1).startsWith("cudnn") ? System.CUDNN : System.JAVA,
                Integer.parseInt(begun.group(2)),
                begun.group(4).equals("dense"),
                median(millis)));
        millis.clear();
      }
    }
    return runs;
  }

  /** Whole models in 16 bits, with their weights on the device and no step cache. */
  private static boolean isMeant(Matcher begun) {
    return begun.matches()
        && begun.group(1).equals(WAN)
        && begun.group(3).equals("F16")
        && !begun.group(5).contains("offload");
  }

  private static double median(List<Double> millis) {
    return Statistics.median(millis.stream().mapToDouble(Double::doubleValue).toArray()) / 1000;
  }
}
