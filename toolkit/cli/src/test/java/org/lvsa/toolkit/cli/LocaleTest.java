// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.Golden;

/** Arabic has digits of its own, and Turkish another lower case of I: neither may matter. */
class LocaleTest {
  private static final Locale OWN = Locale.getDefault();

  private static final List<String> COMMANDS =
      List.of(
          "pattern --model wan2.1-1.3b --frames 161 --resolution 832x480 --format mask",
          "pattern --model WAN2.1 --frames 161 --resolution 832x480",
          "pattern --latent-frames 33 --patches-per-frame 6 --sparsity-scale 0.5 --FORMAT json",
          "pattern --latent-frames 33 --patches-per-frame 6 --sparsity-scale 0.5 --format JSON",
          "pattern --latent-frames 33 --patches-per-frame 6 --sparsity-scale NaN",
          "pattern --model wan2.1-1.3b --frames 80 --resolution 832x480",
          "config --set LVSA_WINDOW_SIZE=16 --set LVSA_DTYPE=bf16",
          "config --set LVSA_WINDOW_SIZE=\u0661\u0662",
          "config --reference",
          "config --format json",
          "sweep --frames 80",
          "sweep --backends VECTOR --dtype F16I");

  @TempDir private Path directory;

  @AfterEach
  void back() {
    Locale.setDefault(OWN);
  }

  private List<Run> all() {
    List<Run> runs = new ArrayList<>();
    for (String command : COMMANDS) {
      runs.add(Run.with(Map.of("LVSA_MASK_LOG", "once"), (Object[]) command.split(" ")));
    }
    return runs;
  }

  @ParameterizedTest
  @ValueSource(strings = {"ar-EG", "tr-TR", "fa-IR", "hi-IN-u-nu-deva"})
  void whatIsPrintedAndReadDoesNotDependOnTheLocale(String tag) throws IOException {
    Locale.setDefault(Locale.ROOT);
    List<Run> root = all();
    Locale.setDefault(Locale.forLanguageTag(tag));
    List<Run> here = all();
    for (int i = 0; i < root.size(); i++) {
      assertEquals(root.get(i), here.get(i), COMMANDS.get(i));
    }
    Path in = Golden.shipped("tiny", directory);
    Run attend = Run.lvsa("attend", in, directory.resolve("out.safetensors"));
    assertEquals(0, attend.code(), attend.err());
    assertTrue(attend.out().matches("(?s).*density [0-9.]+, [0-9.]+ ms\n"), attend.out());
    Run demo =
        Run.with(
            Map.of("LVSA_MASK_LOG", "once", "LVSA_STEP_TIME_LOG", "1", "LVSA_MEM_LOG", "1"),
            (Object[])
                "demo --frames 41 --steps 1 --layers 1 --grid 1x2 --backend vector".split(" "));
    assertEquals(0, demo.code(), demo.err());
    String printed = attend.out() + demo.out() + demo.err();
    assertTrue(printed.codePoints().noneMatch(c -> c > 127 && Character.isDigit(c)), printed);
  }
}
