// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.toolkit.Golden;
import org.lvsa.toolkit.GoldenRun;

/**
 * A backend that finds out, when it first runs, that its faster kernel is wrong: commands go on
 * with the other one and say so, and under {@code --strict} they refuse.
 */
class PassedOverTest {
  private static final String LEFT_OUT = "the kernel quick: its self-check failed";
  private static final String WARNING = "auto passes over " + LEFT_OUT;

  @TempDir private Path directory;
  private ClassLoader own;
  private URLClassLoader withPicky;

  /** The fastest backend of all, so that {@code auto} takes it. */
  public static final class Picky implements AttentionBackend {
    @Override
    public String name() {
      return "picky";
    }

    @Override
    public int speedRank() {
      return Integer.MAX_VALUE;
    }

    @Override
    public Availability availability() {
      return new Availability.Available("here");
    }

    @Override
    public AttentionKernel open(KernelOptions options) {
      return new Kernel();
    }
  }

  private static final class Kernel implements AttentionKernel {
    private final List<String> passedOver = new ArrayList<>();

    @Override
    public String device() {
      return "here";
    }

    @Override
    public Optional<String> unsupported(AttentionShape shape, DType dtype) {
      return Optional.empty();
    }

    @Override
    public List<String> passedOver() {
      return passedOver;
    }

    @Override
    public PreparedAttention prepare(AttentionInputs inputs) {
      return PreparedAttention.direct(
          inputs,
          (problem, output) -> {
            if (passedOver.isEmpty()) {
              passedOver.add(LEFT_OUT);
            }
            ReferenceAttention.run(problem, output);
            return KernelRun.of("slow", 1, 0);
          });
    }
  }

  /** Backends are found by the thread's class loader: only here does it know this one. */
  @BeforeEach
  void addBackend() throws IOException {
    Path services = Files.createDirectories(directory.resolve("path/META-INF/services"));
    Files.writeString(services.resolve(AttentionBackend.class.getName()), Picky.class.getName());
    own = Thread.currentThread().getContextClassLoader();
    withPicky = new URLClassLoader(new URL[] {directory.resolve("path").toUri().toURL()}, own);
    Thread.currentThread().setContextClassLoader(withPicky);
  }

  @AfterEach
  void removeBackend() throws IOException {
    Thread.currentThread().setContextClassLoader(own);
    withPicky.close();
  }

  @Test
  void attendGoesOnAndWarnsAndRefusesWhereItIsStrict() throws IOException {
    Path in = Golden.shipped("tiny", directory);
    Path out = directory.resolve("out.safetensors");
    Run run = Run.lvsa("attend", in, out);
    assertEquals(0, run.code(), run.err());
    assertEquals("lvsa: warning: " + WARNING, run.err().strip());
    assertTrue(run.out().contains("slow on here"), run.out());
    Files.delete(out);
    Run strict = Run.lvsa("attend", in, out, "--strict");
    assertEquals(3, strict.code(), strict.err());
    assertTrue(strict.err().contains("--strict: " + WARNING), strict.err());
    assertFalse(Files.exists(out));
  }

  @Test
  void generateGoesOnAndSaysSoAndRefusesWhereItIsStrict() throws IOException {
    Path out = directory.resolve("out.safetensors");
    Object[] words = {
      "generate",
      "--model",
      GoldenRun.wanModel(directory),
      "--prompt",
      "a cat",
      "--frames",
      5,
      "--resolution",
      "32x32",
      "--steps",
      2,
      "--attention",
      "lvsa",
      "--backend",
      "auto",
      "-o",
      out
    };
    Run run = Run.with(Map.of(), words);
    assertEquals(0, run.code(), run.err());
    assertEquals(1, count(run.err(), WARNING), "said once in all blocks and steps: " + run.err());
    assertEquals(1, count(run.out(), "fallback: " + WARNING), run.out());
    assertTrue(run.out().contains("kernel slow on here"), run.out());
    Files.delete(out);
    Object[] strictly = Arrays.copyOf(words, words.length + 1);
    strictly[words.length] = "--strict";
    Run strict = Run.with(Map.of(), strictly);
    assertEquals(3, strict.code(), strict.err());
    assertTrue(strict.err().contains("--strict: " + WARNING), strict.err());
    assertFalse(Files.exists(out));
  }

  private static long count(String text, String part) {
    return text.lines().filter(line -> line.contains(part)).count();
  }
}
