// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code lvsa generate --transformer device} where no device is: kernels/tornado is not in this
 * module's class path. With a device it is tested in toolkit/device.
 */
class GenerateDeviceTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "3,wan2.1-1.3b,--dtype f32,--transformer device cannot run here: ",
    "3,wan2.1-1.3b,--precision int8 --dtype f16,'full precision: leave --precision out'",
    "3,wan2.1-1.3b,--backend vector,backend vector runs no whole transformer: give --backend tornado",
    "3,hunyuanvideo-1.5,--dtype f32,--transformer device cannot run here: ",
    "3,hunyuanvideo-1.5,--vae device,--transformer device cannot run here: ",
    "3,cogvideox-2b,--dtype f32,--transformer device cannot run here: ",
    "3,cogvideox-2b,--vae device,--transformer device cannot run here: ",
    "2,wan2.1-1.3b,--ulysses-degree 2,'--ranks processes, and without --capture'",
    "2,wan2.1-1.3b,--cfg-parallel-size 2,'--ranks processes, and without --capture'",
    "2,wan2.1-1.3b,--cfg-parallel-size 2 --ranks processes --vae-patch-parallel-size 2 --vae device,'--vae device decodes on one rank, --vae-patch-parallel-size 2 on the CPUs of several'",
    "2,wan2.1-1.3b,--attention sta,'attends dense or with LVSA'"
  })
  void whatCannotBeIsOneLine(int code, String name, String options, String reason) {
    Path out = directory.resolve("out.mp4");
    List<Object> words =
        new ArrayList<>(
            List.of(
                "generate",
                "--transformer",
                "device",
                "--random-weights",
                name,
                "-o",
                out,
                "--steps",
                1));
    words.addAll(List.of((Object[]) options.split(" ")));
    Run refused = Run.lvsa(words.toArray());
    assertEquals(code, refused.code(), refused.err());
    assertEquals(1, refused.err().lines().count(), refused.err());
    assertTrue(refused.err().contains(reason), refused.err());
    assertFalse(Files.exists(out));
  }

  @Test
  void theVaeIsOnTheDeviceWithTheTransformerAlone() {
    Path out = directory.resolve("out.mp4");
    Run refused =
        Run.lvsa("generate", "--random-weights", "wan2.1-1.3b", "--vae", "device", "-o", out);
    assertEquals(2, refused.code(), refused.err());
    assertEquals("lvsa: --vae device needs --transformer device: give both", refused.err().strip());
    assertFalse(Files.exists(out));
  }
}
