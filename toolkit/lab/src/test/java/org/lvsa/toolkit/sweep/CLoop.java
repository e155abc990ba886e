// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.lvsa.toolkit.io.ChildProcess;

/**
 * The arithmetic limit as a C compiler's code reaches it, {@code benchmarks/peers/multiply_adds.c}:
 * it shows whether {@link ArithmeticLimit} is measured rightly.
 *
 * @param program the compiled loop
 */
record CLoop(Path program) {
  private static final String SOURCE = "benchmarks/peers/multiply_adds.c";
  private static final Duration TIME_OUT = Duration.ofSeconds(20);

  /**
   * Compiles the loop.
   *
   * @param bits width of the vectors
   * @return empty where there is no gcc, or this is no checkout
   * @throws IOException if gcc is there and fails
   */
  static Optional<CLoop> compile(int bits, Path directory) throws IOException {
    Optional<Path> source = source();
    if (source.isEmpty() || !there("gcc")) {
      return Optional.empty();
    }
    Path program = directory.resolve("multiply_adds" + bits);
    ChildProcess.Result compiled =
        ChildProcess.run(
            TIME_OUT,
            "gcc",
            "-O2",
            "-march=native",
            "-pthread",
            "-DBYTES=" + bits / Byte.SIZE,
            source.get().toString(),
            "-o",
            program.toString());
    if (!compiled.succeeded()) {
      throw new IOException("gcc does not compile " + source.get() + ": " + compiled.errors());
    }
    return Optional.of(new CLoop(program));
  }

  /** GFLOP/s of so many threads together. */
  double gflops(int threads) {
    try {
      ChildProcess.Result said =
          ChildProcess.run(TIME_OUT, program.toString(), Integer.toString(threads));
      if (!said.succeeded()) {
        throw new IllegalStateException(program + " failed: " + said.errors());
      }
      return Double.parseDouble(said.output().strip());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean there(String command) {
    try {
      return ChildProcess.run(TIME_OUT, command, "--version").succeeded();
    } catch (IOException e) {
      return false;
    }
  }

  /** The source in the checkout that this process was started in, at any depth. */
  private static Optional<Path> source() {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isRegularFile(at.resolve(SOURCE))) {
        return Optional.of(at.resolve(SOURCE));
      }
    }
    return Optional.empty();
  }
}
