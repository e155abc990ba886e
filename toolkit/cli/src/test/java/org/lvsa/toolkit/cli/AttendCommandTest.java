// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.toolkit.Golden;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.tensor.Safetensors;

class AttendCommandTest {
  private static final String META =
      "\"__metadata__\":{\"latentFrames\":\"1\",\"patchesPerFrame\":\"2\"},";

  @TempDir private Path directory;

  @TestFactory
  Stream<DynamicTest> everyBackendAgreesWithTheGoldenFiles() throws IOException {
    List<Path> files = Golden.attention(directory);
    return files.stream()
        .flatMap(
            file ->
                Stream.of("reference", "nd4j", "vector")
                    .flatMap(
                        backend ->
                            Stream.of(false, true)
                                .map(
                                    dense ->
                                        DynamicTest.dynamicTest(
                                            file.getFileName()
                                                + " "
                                                + backend
                                                + (dense ? " dense" : " sparse"),
                                            () -> agrees(file, backend, dense)))));
  }

  /** Every command that runs kernels refuses a device that the backend does not have. */
  @Test
  void anUnknownDeviceIsRefusedAlsoWhereTornadoDoesNotRun() throws IOException {
    Path in = Files.createFile(directory.resolve("in.safetensors"));
    Path out = directory.resolve("out");
    for (Run run :
        List.of(
            Run.lvsa("attend", in, out, "--backend", "vector", "--device", "nonsense"),
            Run.lvsa("demo", "--backend", "vector", "--device", "nonsense"),
            Run.lvsa(
                "sweep",
                "--backends",
                "vector,reference",
                "--latent-frames",
                2,
                "--patches-per-frame",
                4,
                "--input",
                "random",
                "--device",
                "nonsense",
                "-o",
                out))) {
      assertEquals(2, run.code(), run.err());
      assertTrue(run.err().contains("backend vector has no device nonsense"), run.err());
      assertTrue(Files.notExists(out), "nothing is written");
    }
  }

  private void agrees(Path in, String backend, boolean dense) {
    Path out = directory.resolve(in.getFileName() + "." + backend + "." + dense);
    Run run =
        dense
            ? Run.lvsa("attend", in, out, "--backend", backend, "--dense")
            : Run.lvsa("attend", in, out, "--backend", backend);
    assertEquals(0, run.code(), run.err());
    try (Arena arena = Arena.ofConfined()) {
      Safetensors result = Safetensors.open(out, arena);
      Safetensors golden = Safetensors.open(in, arena);
      double error =
          KernelConformance.relativeError(
              result.data("out"), golden.data(dense ? "expected_dense" : "expected"));
      assertTrue(error <= 1e-5, "relative error " + error);
      assertEquals(golden.info("q").shape(), result.info("out").shape());
      assertEquals("\"" + backend + "\"", result.metadata().get("backend"));
      double density = Double.parseDouble(result.metadata().get("density"));
      assertTrue(dense ? density == 1 : density > 0 && density <= 1);
      assertTrue(Double.parseDouble(result.metadata().get("milliseconds")) > 0);
    }
  }

  @Test
  void anOptionGoesBeforeTheMetadata() throws IOException {
    Path in = Golden.shipped("text_ragged", directory);
    Path out = directory.resolve("out.safetensors");
    assertEquals(
        0,
        Run.lvsa("attend", in, out, "--window", 0, "--key-frame-interval", 33, "--first-frames", 0)
            .code());
    try (Arena arena = Arena.ofConfined()) {
      // One global frame of 33, and nothing else.
      assertEquals(
          1 / 33.0,
          Double.parseDouble(Safetensors.open(out, arena).metadata().get("density")),
          1e-12);
    }
  }

  @Test
  void narrowingCostsWhatItsBitsCost() throws IOException {
    Path in = Golden.shipped("text_ragged", directory);
    for (String dtype : List.of("bf16", "f16")) {
      Path out = directory.resolve(dtype + ".safetensors");
      assertEquals(0, Run.lvsa("attend", in, out, "--dtype", dtype).code());
      try (Arena arena = Arena.ofConfined()) {
        double error =
            KernelConformance.relativeError(
                Safetensors.open(out, arena).data("out"),
                Safetensors.open(in, arena).data("expected"));
        assertTrue(error > 1e-5 && error < 2e-2, dtype + " " + error);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"q"                                  | header, line 1, column 5: not valid JSON
          []                                                                                        | header must begin with {
          {"q":{"dtype":"F32","shape":[1,2,1,6],"data_offsets":[0,48]}}                             | has no tensor k, it holds q
          {"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]}}                             | the tensors end at byte 16, the file holds 48 bytes of data
          {"q":{"dtype":"F32","shape":[1,2,1,4],"data_offsets":[16,48]}}                            | tensor q begins at byte 16 and leaves a gap after the tensor before it, which ends at byte 0
          {META"q":{"dtype":"I64","shape":[1,2,1,1],"data_offsets":[0,16]},"k":{"dtype":"I64","shape":[1,2,1,1],"data_offsets":[16,32]},"v":{"dtype":"I64","shape":[1,2,1,1],"data_offsets":[32,48]}} | tensor q has dtype I64, allowed here are F32, F16, BF16
          {"q":{"dtype":"F23","shape":[1,2,1,6],"data_offsets":[0,48]}}                             | tensor q: unknown dtype F23, the nearest is F
          {"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,48000]}}                          | the file holds 48 bytes of data
          {"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[-4,12]}}                            | has data_offsets [-4, 12]
          {"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[16,0]}}                             | has data_offsets [16, 0]
          {"q":{"dtype":"F32","shape":[1,2,1,3],"data_offsets":[0,16]}}                             | has 16 bytes of data, F32 of shape [1, 2, 1, 3] needs 24
          {"q":{"dtype":"F32","shape":[4611686018427387904,4,4,4],"data_offsets":[0,16]}}           | has a shape beyond 2^63 bits
          {"q":{"dtype":"F32","shape":[1,-2,1,2],"data_offsets":[0,16]}}                            | has a size that is no whole number
          {"q":{"dtype":"F32","shape":[1,2,1,2]}}                                                   | needs a dtype, a shape and two data_offsets
          {"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"k":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[8,24]},"v":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[32,48]}} | tensor k begins at byte 8 and overlaps the tensor before it, which ends at byte 16
          {META"q":{"dtype":"F32","shape":[1,2,2],"data_offsets":[0,16]},"k":{"dtype":"F32","shape":[1,2,2],"data_offsets":[16,32]},"v":{"dtype":"F32","shape":[1,2,2],"data_offsets":[32,48]}} | tensor q must be [batch, tokens, heads, headDim], got shape [1, 2, 2]
          {META"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"k":{"dtype":"F32","shape":[1,1,2,2],"data_offsets":[16,32]},"v":{"dtype":"F32","shape":[1,1,2,2],"data_offsets":[32,48]}} | q and k must agree but in heads
          {META"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"k":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[16,32]},"v":{"dtype":"F32","shape":[1,2,2,1],"data_offsets":[32,48]}} | k and v must have one shape
          {META"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"k":{"dtype":"F16","shape":[1,2,1,4],"data_offsets":[16,32]},"v":{"dtype":"F16","shape":[1,2,1,4],"data_offsets":[32,48]}} | q, k and v must have one dtype
          {"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"k":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[16,32]},"v":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[32,48]}} | the metadata has no latentFrames: give --latent-frames
          {"__metadata__":{"latentFrames":"3","patchesPerFrame":"2"},"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"k":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[16,32]},"v":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[32,48]}} | is 3 · 2 + 0, the tensors have 2 tokens
          {"__metadata__":{"latentFrames":"x"},"q":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"k":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[16,32]},"v":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[32,48]}} | metadata latentFrames cannot be read, got x
          {"__metadata__":{"latentFrames":1},"q":{"dtype":"F32","shape":[1,2,1,6],"data_offsets":[0,48]}} | __metadata__ entry latentFrames must be a string
          {"q":1,"q":2}                                                                             | Duplicate field 'q'
          """)
  void aMalformedFileIsNamedAndNothingIsWritten(String header, String message) throws IOException {
    byte[] json = header.strip().replace("META", META).getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + 48).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    refused(bytes.array(), message);
  }

  @Test
  void aFileCutOffOrForeignIsNamed() throws IOException {
    refused(new byte[3], "not a safetensors file: 3 bytes");
    refused(
        "this is not a safetensors file".getBytes(StandardCharsets.UTF_8),
        "not a safetensors file: header length");
    byte[] whole = Files.readAllBytes(Golden.shipped("tiny", directory));
    refused(Arrays.copyOf(whole, whole.length - 8), "the file holds");
    refused(Arrays.copyOf(whole, 100), "not a safetensors file: header length");
  }

  private void refused(byte[] content, String message) throws IOException {
    Path in = Files.write(directory.resolve("bad.safetensors"), content);
    Path out = directory.resolve("never.safetensors");
    Run run = Run.lvsa("attend", in, out, "--backend", "reference");
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().contains(message), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
    try (Stream<Path> left = Files.list(directory)) {
      assertTrue(left.noneMatch(path -> path.getFileName().toString().contains("never")));
    }
  }

  @Test
  void whatIsNotHereIsCodeThree() throws IOException {
    Path in = Golden.shipped("tiny", directory);
    Path out = directory.resolve("out.safetensors");
    Run run = Run.lvsa("attend", in, out, "--backend", "tornado");
    assertEquals(3, run.code());
    assertTrue(run.err().contains("backend tornado is not available here"), run.err());
    assertTrue(Files.notExists(out));
    Run unknown = Run.lvsa("attend", in, out, "--backend", "cuda");
    assertEquals(2, unknown.code());
    assertTrue(unknown.err().contains("unknown backend cuda, the nearest is"), unknown.err());
  }

  /**
   * Scores of int8 are computed on tensor cores or not at all, and only where they are asked for.
   */
  @Test
  void aPrecisionThatIsNotHereIsCodeThree() throws IOException {
    Path in = Golden.shipped("tiny", directory);
    Path out = directory.resolve("out");
    String sizes = "--latent-frames=2,--patches-per-frame=4,--heads=1,--dtype=f16";
    for (Run run :
        List.of(
            Run.lvsa("attend", in, out, "--backend", "vector", "--precision", "int8"),
            Run.lvsa("attend", in, out, "--dtype", "f16", "--precision", "int8"),
            Run.lvsa(
                Stream.concat(
                        Stream.of("sweep", "--backends", "vector,reference", "--precision=INT8"),
                        Stream.concat(Stream.of(sizes.split(",")), Stream.of("-o", out)))
                    .toArray()))) {
      assertEquals(3, run.code(), run.err());
      assertTrue(run.err().contains(" has no scores of int8: the backend tornado"), run.err());
      assertTrue(Files.notExists(out));
    }
    Run unknown = Run.lvsa("attend", in, out, "--precision", "int4");
    assertEquals(2, unknown.code(), unknown.err());
    assertTrue(unknown.err().contains("--precision"), unknown.err());
    assertTrue(Run.lvsa("attend", "--help").out().contains("--dtype f16 --precision int8"));
  }

  @Test
  void aSymbolicLinkIsFollowedAndDevicesAreLeftAlone() throws IOException {
    Path in = Golden.shipped("tiny", directory);
    Path target = directory.resolve("target.safetensors");
    Path link = Files.createSymbolicLink(directory.resolve("link.safetensors"), target);
    assertEquals(0, Run.lvsa("attend", in, link).code());
    assertTrue(Files.isSymbolicLink(link) && Files.isRegularFile(target));
    Run run = Run.lvsa("attend", in, "/dev/null");
    assertEquals(2, run.code());
    assertTrue(run.err().contains("cannot write /dev/null: it is a device"), run.err());
    Path self = Files.createSymbolicLink(directory.resolve("self.safetensors"), in);
    assertTrue(Run.lvsa("attend", in, self).err().contains("OUT must not be IN"));
  }

  /** The settings are the file's and the options'; variables are read by config and demo. */
  @Test
  void noVariableChangesAResult() throws IOException {
    Path in = Golden.shipped("tiny", directory);
    Path plain = directory.resolve("plain.safetensors");
    Path set = directory.resolve("set.safetensors");
    assertEquals(0, Run.with(Map.of(), "attend", in, plain, "--backend", "reference").code());
    Map<String, String> all = new HashMap<>();
    for (Setting<?> setting : Setting.all()) {
      all.put(setting.name(), setting == Setting.LVSA_BACKEND ? "nonsense" : "1");
    }
    Run run = Run.with(all, "attend", in, set, "--backend", "reference");
    assertEquals(0, run.code(), run.err());
    try (Arena arena = Arena.ofConfined()) {
      assertEquals(
          -1,
          Safetensors.open(plain, arena)
              .data("out")
              .mismatch(Safetensors.open(set, arena).data("out")));
    }
  }

  @Test
  void unknownDevicesAreRefusedByEveryBackend() throws IOException {
    Path in = Golden.shipped("tiny", directory);
    for (String backend : List.of("reference", "nd4j", "vector")) {
      Run run =
          Run.lvsa(
              "attend", in, directory.resolve("o"), "--backend", backend, "--device", "nonsense");
      assertEquals(2, run.code(), run.err());
      assertTrue(run.err().contains("has no device nonsense"), run.err());
    }
  }

  @Test
  void outputsThatCannotBeWrittenAreRefusedFirst() throws IOException {
    Path in = Golden.shipped("tiny", directory);
    assertEquals(2, Run.lvsa("attend", in, directory).code());
    assertEquals(2, Run.lvsa("attend", in, directory.resolve("no/such/dir.safetensors")).code());
    assertEquals(2, Run.lvsa("attend", in, in).code());
    assertEquals(2, Run.lvsa("attend", directory.resolve("none"), directory.resolve("out")).code());
  }
}
