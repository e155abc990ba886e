// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.Progress;

class GenerateProgressTest {
  /** What a line begins with where a bar stands below it. */
  private static final String ABOVE_A_BAR = "\r\033[2K";

  private final StringWriter text = new StringWriter();

  private GenerateProgress onTerminal() {
    return new GenerateProgress(new PrintWriter(text), "", true);
  }

  @Test
  void aPreparationsBarIsGoneWhenItIsReady() {
    try (GenerateProgress progress = onTerminal()) {
      Progress preparing = progress.preparing();
      preparing.at(0, 2, "compiling");
      progress.line("meanwhile");
      assertEquals(ABOVE_A_BAR + "meanwhile\n", text.toString());
      preparing.at(2, 2, "ready");
      progress.line("after");
      assertTrue(text.toString().endsWith("\nafter\n"), text.toString());
    }
  }

  @Test
  void aPreparationBetweenStepsLeavesTheirBar() {
    try (GenerateProgress progress = onTerminal()) {
      progress.denoising(0, 4);
      Progress preparing = progress.preparing();
      preparing.at(0, 2, "compiling");
      preparing.at(1, 2, "compiling");
      preparing.at(2, 2, "ready");
      preparing.at(0, 2, "compiling");
      String line = ABOVE_A_BAR + "to the device: compiling\n";
      assertEquals(line + line, text.toString());
      text.getBuffer().setLength(0);
      progress.stepDone(0);
      assertFalse(text.toString().contains("step 1/4"), text.toString());
      progress.line("after");
      assertTrue(text.toString().startsWith(ABOVE_A_BAR), text.toString());
    }
  }

  @Test
  void withoutATerminalThereAreLines() {
    try (GenerateProgress progress = new GenerateProgress(new PrintWriter(text), "lvsa", false)) {
      Progress preparing = progress.preparing();
      preparing.at(0, 2, "reading");
      preparing.at(0, 2, "compiling");
      preparing.at(1, 2, "compiling");
      preparing.at(2, 2, "ready");
      assertEquals(
          "lvsa: to the device: reading\nlvsa: to the device: compiling\n", text.toString());
    }
  }
}
