// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.blockpattern.BlockPattern;
import org.lvsa.toolkit.blockpattern.DensitySolver;
import org.lvsa.toolkit.blockpattern.FilePattern;
import org.lvsa.toolkit.blockpattern.HeadInputs;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.blockpattern.PatternSpec;
import org.lvsa.toolkit.blockpattern.StaticPattern;
import org.lvsa.toolkit.blockpattern.TokenGrid;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.report.BlockMaskPicture;
import picocli.CommandLine.Option;

/** The options of {@code lvsa pattern --pattern}, and what it prints. */
final class BlockPatternOptions {
  private static final int MOST_LINES = 96;
  private static final int PICTURE_SIDE = 800;

  @Option(
      names = "--pattern",
      paramLabel = "NAME",
      description = {
        "a pattern of the laboratory, such as radial:block=64,decay=0.5: lvsa, window, dilated,",
        "strided, radial, sta, svg, svg2, vsa, draft, sparge, bsa, random, topk, file:mask.json"
      })
  private String pattern;

  @Option(
      names = "--density",
      paramLabel = "D",
      description = "with --pattern: solve its parameters for this share of all pairs of tokens")
  private Double density;

  @Option(
      names = "--grid",
      paramLabel = "HxW",
      description = "with --pattern: rows and columns of patches, in place of --patches-per-frame")
  private String grid;

  @Option(
      names = "--input",
      paramLabel = "random|moving|FILE",
      defaultValue = "moving",
      description =
          "with --pattern, for those that look at queries and keys (default: ${DEFAULT-VALUE})")
  private String input;

  @Option(
      names = "--heads",
      paramLabel = "N",
      defaultValue = "1",
      description = "with --pattern: heads to choose blocks for (default: ${DEFAULT-VALUE})")
  private int heads;

  /** Whether a pattern of the laboratory is asked for. */
  boolean given() {
    return pattern != null;
  }

  /** Whether options are there that only matter with {@code --pattern}. */
  boolean withoutPattern() {
    return pattern == null && (density != null || grid != null);
  }

  /** Rows and columns of patches that were asked for; null if none were. */
  PatchGrid patches() {
    if (grid == null) {
      return null;
    }
    if (!grid.matches("[1-9]\\d{0,8}x[1-9]\\d{0,8}")) {
      throw new IllegalArgumentException("--grid must be HEIGHTxWIDTH, got " + grid);
    }
    String[] sides = grid.split("x");
    return new PatchGrid(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
  }

  /**
   * Shows the pattern.
   *
   * @param model makes the stand-in activations
   * @param patches the patches of a frame
   * @param exact whether rows and columns are known, and not only their product
   */
  void show(
      ModelGeometry model,
      int latentFrames,
      PatchGrid patches,
      boolean exact,
      PatternCommand.Format format,
      Path output,
      PrintWriter out)
      throws IOException {
    if (heads < 1 || heads > model.heads()) {
      throw new IllegalArgumentException(
          "--heads must be from 1 to " + model.heads() + ", got " + heads);
    }
    TokenGrid tokens = new TokenGrid(latentFrames, patches.rows(), patches.columns(), 0);
    String title = pattern;
    BlockPattern made;
    List<HeadInputs> inputs = List.of();
    if (pattern.startsWith("file:")) {
      if (density != null) {
        throw new IllegalArgumentException("a mask from a file has its density: no --density");
      }
      made = FilePattern.read(Path.of(pattern.substring("file:".length())));
    } else {
      PatternSpec spec = PatternSpec.parse(pattern);
      if (spec.kind().needsRowsAndColumns() && !exact) {
        throw new IllegalArgumentException(
            spec.kind().word() + " needs --grid HEIGHTxWIDTH in place of --patches-per-frame");
      }
      if (spec.kind().looksAtInputs()) {
        spec.build(tokens);
        inputs = inputs(model, patches, latentFrames);
      }
      if (density != null) {
        spec = DensitySolver.solve(spec, tokens, inputs, density).spec();
      }
      title = spec.toString();
      made = spec.build(tokens);
    }
    List<HeadSelection> selections = made.selections(tokens, inputs);
    switch (format) {
      case JSON -> out.println(json(title, made, selections));
      case MASK -> printMasks(title, selections, out);
      case PNG -> {
        String heading = title(title, selections);
        Png.write(picture(heading, selections), output);
      }
    }
    out.flush();
  }

  private List<HeadInputs> inputs(ModelGeometry model, PatchGrid patches, int latentFrames) {
    AttentionShape shape =
        new AttentionShape(1, latentFrames, patches.patches(), 0, heads, heads, model.headDim());
    InputSource source = InputSource.parse(input);
    Activations.check(source, model.videoFrames(latentFrames));
    try (Arena arena = Arena.ofShared()) {
      Activations made = Activations.of(source, shape, DType.F32, model, patches, 1, arena);
      return IntStream.range(0, heads)
          .mapToObj(
              head ->
                  HeadInputs.of(shape, DType.F32, made.query(), made.key(), made.value(), 0, head))
          .toList();
    }
  }

  private static ObjectNode json(
      String title, BlockPattern pattern, List<HeadSelection> selections) {
    ObjectNode object = Json.object().put("pattern", title);
    if (pattern instanceof StaticPattern) {
      return put(object, selections.getFirst().mask());
    }
    var masks = object.putArray("heads");
    selections.forEach(selection -> put(masks.addObject(), selection.mask()));
    return object;
  }

  private static ObjectNode put(ObjectNode object, BlockMask mask) {
    numbers(object, "indptr", mask.indptr());
    numbers(object, "indices", mask.indices());
    numbers(object, "q_sizes", mask.querySizes());
    numbers(object, "k_sizes", mask.keySizes());
    return object
        .put("density_block", mask.densityOfBlocks())
        .put("density_token", mask.densityOfTokens())
        .put("empty_rows", mask.emptyRows());
  }

  private static void numbers(ObjectNode object, String name, int[] numbers) {
    var array = object.putArray(name);
    for (int number : numbers) {
      array.add(number);
    }
  }

  private static void printMasks(String title, List<HeadSelection> selections, PrintWriter out) {
    for (int head = 0; head < selections.size(); head++) {
      BlockMask mask = selections.get(head).mask();
      BlockMaskPicture.lines(mask, MOST_LINES).forEach(out::println);
      out.println(
          String.format(
              Locale.ROOT,
              "%s%s: %dx%d blocks, %d attended, density of blocks %.4f, of tokens %.4f",
              title,
              selections.size() > 1 ? " head " + head : "",
              mask.rows(),
              mask.columns(),
              mask.indices().length,
              mask.densityOfBlocks(),
              mask.densityOfTokens()));
    }
  }

  private static String title(String title, List<HeadSelection> selections) {
    return String.format(Locale.ROOT, "%s density %.3f", title, BlockPattern.density(selections));
  }

  private static BufferedImage picture(String title, List<HeadSelection> selections) {
    List<BlockMaskPicture.Titled> masks =
        IntStream.range(0, selections.size())
            .mapToObj(
                head ->
                    new BlockMaskPicture.Titled(
                        selections.size() > 1 ? "head " + head + ": " + title : title,
                        selections.get(head).mask()))
            .toList();
    int columns = (int) Math.ceil(Math.sqrt(masks.size()));
    return BlockMaskPicture.draw(masks, columns, PICTURE_SIDE / columns);
  }
}
