// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code lvsa pattern --pattern}. */
class PatternViewTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path directory;

  private static Run pattern(String pattern, Object... more) {
    Object[] first = {"pattern", "--latent-frames", 4, "--grid", "4x8", "--pattern", pattern};
    Object[] all = Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return Run.lvsa(all);
  }

  @Test
  void aMaskIsShownBlockByBlock() {
    Run run = pattern("window:block=32,radius=1,sink=0", "--format", "mask");
    assertEquals(0, run.code(), run.err());
    assertEquals(
        List.of(
            "##..",
            "###.",
            ".###",
            "..##",
            "window:block=32,radius=1,sink=0: 4x4 blocks, 10 attended,"
                + " density of blocks 0.6250, of tokens 0.6250"),
        run.out().lines().toList());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lvsa",
        "window:block=16",
        "dilated:block=16",
        "strided:block=16",
        "radial:block=16",
        "sta:tile=2x2x4",
        "svg:block=16",
        "svg2:queries=4,keys=8,iterations=3,least=0",
        "vsa:cube=2x2x4",
        "draft:patch=2x4",
        "sparge:queries=32,keys=16",
        "bsa:queries=2x2x4,keys=2x2x4",
        "random:block=16",
        "topk:queries=16,keys=16"
      })
  void everyPatternIsShownAndSolvedForADensity(String pattern) throws IOException {
    Run run =
        Run.lvsa(
            "pattern",
            "--latent-frames",
            12,
            "--grid",
            "8x16",
            "--pattern",
            pattern,
            "--density",
            0.5,
            "--heads",
            2);
    assertEquals(0, run.code(), run.err());
    JsonNode shown = JSON.readTree(run.out());
    assertTrue(shown.get("pattern").textValue().startsWith(pattern.replaceAll(":.*", ":")));
    boolean heads = shown.has("heads");
    assertEquals(heads ? 2 : 1, heads ? shown.get("heads").size() : 1);
    double density = 0;
    for (JsonNode mask : heads ? shown.get("heads") : List.of(shown)) {
      density += mask.get("density_token").doubleValue() / (heads ? 2 : 1);
    }
    assertEquals(0.5, density, 0.1, run.out());
  }

  @Test
  void whatIsPrintedCanBeReadAsAFile() throws IOException {
    Run printed = pattern("sta:tile=2x2x4,window=1x1x3");
    Path file = Files.writeString(directory.resolve("mask.json"), printed.out());
    Run read = pattern("file:" + file);
    assertEquals(0, read.code(), read.err());
    assertEquals(
        JSON.readTree(printed.out()).get("indices"), JSON.readTree(read.out()).get("indices"));
  }

  @Test
  void aLargeMaskIsShrunkAndPictured() throws IOException {
    Run text = pattern("radial:block=1,decay=1", "--format", "mask");
    assertEquals(97, text.out().lines().count());
    assertEquals(96, text.out().lines().findFirst().orElseThrow().length());
    Path file = directory.resolve("mask.png");
    Run run = pattern("window:block=32,radius=0,sink=0", "--format", "png", "-o", file);
    assertEquals(0, run.code(), run.err());
    BufferedImage image = ImageIO.read(file.toFile());
    assertTrue(image.getWidth() > 700);
    assertEquals(0xFF0072B2, image.getRGB(20, 40), "the first block sees itself");
    assertEquals(0xFFF1F1F1, image.getRGB(image.getWidth() - 20, 40), "and not the last");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --latent-frames 4 --grid 4x8 --pattern radiall                        | unknown pattern radiall, the nearest is radial
          --latent-frames 4 --grid 4x8 --pattern radial:decay=-1                | radial: decay must be a number above 0
          --latent-frames 4 --grid 4x8 --pattern radial --density 2             | density must be above 0 and at most 1, got 2.0
          --latent-frames 4 --grid 4x8 --pattern radial:block=16 --density 0.01 | radial cannot reach density 0.01
          --latent-frames 4 --grid 4x8 --pattern radial:decay=1 --density 0.5   | radial: decay is solved for the density, leave it out
          --latent-frames 4 --patches-per-frame 32 --pattern sta                | sta needs --grid HEIGHTxWIDTH
          --latent-frames 4 --grid 4 --pattern sta                              | --grid must be HEIGHTxWIDTH, got 4
          --latent-frames 4 --pattern sta                                       | --pattern needs --latent-frames and --grid
          --latent-frames 4 --grid 4x8 --pattern sta --window 3                 | --window is for LVSA without --pattern
          --latent-frames 4 --grid 4x8 --pattern topk --heads 0                 | --heads must be from 1 to 12, got 0
          --latent-frames 4 --grid 4x8 --pattern topk --input nowhere.mp4       | nowhere.mp4: no such file
          --latent-frames 4 --grid 4x8 --pattern file:nowhere.json              | nowhere.json: cannot be read
          --latent-frames 4 --grid 4x8 --density 0.3                            | --density and --grid need --pattern
          --latent-frames 9999 --grid 999x999 --pattern radial                  | 2^31-1 tokens
          --latent-frames 99 --grid 999x999 --pattern radial:block=1            | a mask has at most 2^28 pairs of blocks
          """)
  void badInputIsOneLineAndCodeTwo(String arguments, String message) {
    Run run = Run.lvsa((Object[]) ("pattern " + arguments).split(" +"));
    assertEquals(2, run.code(), run.err());
    String first = run.err().lines().findFirst().orElseThrow();
    assertTrue(first.startsWith("lvsa: ") && first.contains(message), run.err());
    assertTrue(run.err().lines().count() <= 2, run.err());
    assertEquals("", run.out());
  }
}
