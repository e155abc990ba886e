// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The register tile that an earlier process chose, in a small file of the user's cache folder. A
 * trial waits for the JIT compiler, some 0.8 s; with this file it is run once for each processor,
 * JVM and vector width. Whoever deletes the file has the trial again.
 *
 * @param file the file; empty where the processor is not known or there is no cache folder, and
 *     nothing is kept
 */
record KeptTile(Optional<Path> file) {
  /** Lines of Linux' {@code /proc/cpuinfo} that tell one kind of processor from another. */
  private static final List<String> KIND =
      List.of("vendor_id", "cpu family", "model", "model name", "stepping");

  /** The file of this machine, this JVM and vectors of so many bits. */
  static KeptTile ofThisMachine(int bits) {
    Optional<String> name =
        processor(Path.of("/proc/cpuinfo"))
            .map(processor -> name(processor, Runtime.version().toString(), bits));
    return new KeptTile(
        cacheFolder(System.getenv(), System.getProperty("user.home"))
            .flatMap(folder -> name.map(folder::resolve)));
  }

  /**
   * The folder of the toolkit in the user's cache folder, which is where the variable {@code
   * XDG_CACHE_HOME} says, or {@code ~/.cache}; empty where there is neither. The XDG Base Directory
   * Specification calls a relative path there invalid, and users without a home have "?".
   */
  static Optional<Path> cacheFolder(Map<String, String> environment, String home) {
    return Stream.of(
            Path.of(environment.getOrDefault("XDG_CACHE_HOME", "")), Path.of(home, ".cache"))
        .filter(Path::isAbsolute)
        .findFirst()
        .map(caches -> caches.resolve("lvsa"));
  }

  /** Name of the file for a processor, a JVM's version and a vector width. */
  static String name(String processor, String jvm, int bits) {
    String text = "tile-" + processor + "-java-" + jvm + "-" + bits;
    return text.replaceAll("[^A-Za-z0-9.+-]+", "_");
  }

  /** What the system says of its first processor; empty if it says nothing. */
  static Optional<String> processor(Path cpuinfo) {
    try (Stream<String> lines = Files.lines(cpuinfo)) {
      List<String> said =
          lines
              .takeWhile(line -> !line.isBlank())
              .map(line -> line.split(":", 2))
              .filter(parts -> parts.length == 2 && KIND.contains(parts[0].strip()))
              .map(parts -> parts[1].strip())
              .toList();
      return said.isEmpty() ? Optional.empty() : Optional.of(String.join("-", said));
    } catch (IOException | UncheckedIOException e) {
      return Optional.empty();
    }
  }

  /**
   * The tile that the file names, if it is one of the candidates; else that of a trial, which is
   * kept. A file that cannot be read or written costs the trial, and nothing else.
   */
  TileTrial.Candidate choose(
      List<TileTrial.Candidate> candidates, Supplier<TileTrial.Choice> trial) {
    String named = file.map(KeptTile::read).orElse("");
    Optional<TileTrial.Candidate> found =
        candidates.stream().filter(candidate -> candidate.name().equals(named)).findFirst();
    if (found.isPresent()) {
      return found.get();
    }
    TileTrial.Choice choice = trial.get();
    if (choice.compiled()) {
      file.ifPresent(path -> write(path, choice.tile().name()));
    }
    return choice.tile();
  }

  private static String read(Path path) {
    try {
      return Files.readString(path).strip();
    } catch (IOException e) {
      return "";
    }
  }

  /** Another process sees the whole file or none. */
  private static void write(Path path, String name) {
    try {
      Files.createDirectories(path.getParent());
      Path whole = Files.createTempFile(path.getParent(), "tile", ".tmp");
      try {
        Files.writeString(whole, name + "\n");
        Files.move(whole, path, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(whole);
      }
    } catch (IOException e) {
      // Nothing is lost but time: the next process tries again.
    }
  }
}
