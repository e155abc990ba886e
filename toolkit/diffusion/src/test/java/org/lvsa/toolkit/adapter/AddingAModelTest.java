// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.adapter.example.AllegroAdapter;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;
import org.nd4j.linalg.api.ndarray.INDArray;

/** docs/adding-a-model.md: what it shows is real, and what it says works. */
class AddingAModelTest {

  private static List<String> blocks(String language) throws IOException {
    String text = Files.readString(Path.of("../../docs/adding-a-model.md"));
    Matcher matcher =
        Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL).matcher(text);
    List<String> blocks = new ArrayList<>();
    while (matcher.find()) {
      blocks.add(matcher.group(1));
    }
    return blocks;
  }

  private static ModelGeometry geometry() throws IOException {
    return new ObjectMapper().readValue(blocks("json").getFirst(), ModelGeometry.class);
  }

  @Test
  void theGuidesCodeIsThatOfTheExample() throws IOException {
    String source =
        Files.readString(
            Path.of("src/test/java/org/lvsa/toolkit/adapter/example/AllegroAdapter.java"));
    List<String> shown = blocks("java");
    assertTrue(shown.size() >= 5, "blocks: " + shown.size());
    for (String block : shown) {
      assertTrue(source.contains(block), block);
    }
  }

  @Test
  void theGuidesGeometryIsOne() throws IOException {
    ModelGeometry allegro = geometry();
    ModelAdapter adapter = ModelAdapter.of(allegro.name());
    assertEquals("allegro", adapter.family());
    assertEquals(22, adapter.latentFrames(allegro, 88));
    assertEquals(22, adapter.referenceLatentFrames(allegro));
    assertEquals(3600, adapter.patchesPerFrame(allegro, Resolution.parse("1280x720")));
    assertEquals(2304, BlockShape.of(allegro, allegro.grid(Resolution.parse("1280x720"))).width());
  }

  @ParameterizedTest
  @CsvSource({"SDPA, 1, ULYSSES", "LVSA, 1, ULYSSES", "LVSA, 2, ULYSSES", "LVSA, 4, GLOBAL_KV"})
  void theExampleIsItsEquationsOnAnyNumberOfRanks(String attention, int world, Scheme scheme)
      throws Exception {
    ModelAdapter adapter = ModelAdapter.of("allegro");
    List<BlockWeights> weights = Transformer.random(adapter, SmallModel.shape(2, 2), 1, 3);
    Streams streams =
        new Streams(SmallModel.tokens(SmallModel.TOKENS, 24, 5), SmallModel.tokens(4, 24, 6));
    BlockSparseLayout layout =
        attention.equals("LVSA") ? SmallModel.layout(scheme.guardsBoundaries() ? world : 1) : null;
    double[][] expected = equations(weights.getFirst(), streams, layout);
    List<INDArray> videos =
        InProcess.run(
            world,
            ranks -> {
              try (Generation generation =
                  SmallModel.generation(
                      SmallModel.config(attention), RankView.of(ranks, scheme), SmallModel.log())) {
                Transformer transformer = Transformer.of(adapter, weights);
                assertEquals(attention.equals("LVSA") ? 1 : 0, transformer.install(generation));
                return transformer.forward(generation, streams, () -> {}).video();
              }
            });
    videos.forEach(video -> SmallModel.assertClose(expected, video, attention));
  }

  private static double[][] equations(
      BlockWeights weights, Streams streams, BlockSparseLayout layout) {
    BlockEquations e = SmallModel.equations(weights, layout);
    double[][] x = BlockEquations.matrix(streams.video());
    double[][] text = BlockEquations.matrix(streams.encoder());
    double[][] self =
        e.linear(
            "attn1.to_out.0",
            e.attention(
                turned(e.linear("attn1.to_q", x)),
                turned(e.linear("attn1.to_k", x)),
                e.linear("attn1.to_v", x),
                x.length));
    double[][] seen = BlockEquations.sum(x, self);
    double[][] cross =
        e.linear(
            "attn2.to_out.0",
            e.attention(
                e.linear("attn2.to_q", seen),
                e.linear("attn2.to_k", text),
                e.linear("attn2.to_v", text),
                0));
    return BlockEquations.sum(seen, cross);
  }

  /** Allegro's rotation of two heads of 12, on a grid of 2x3. */
  private static double[][] turned(double[][] x) {
    double[] divisor = {2.2, 2, 2};
    double[][] out = new double[x.length][24];
    for (int t = 0; t < x.length; t++) {
      int[] place = {t / 6, t % 6 / 3, t % 3};
      for (int head = 0; head < 2; head++) {
        for (int axis = 0; axis < 3; axis++) {
          for (int i = 0; i < 2; i++) {
            int a = head * 12 + axis * 4 + i;
            int b = a + 2;
            double angle = place[axis] / divisor[axis] * Math.pow(10000, -i / 2.0);
            out[t][a] = x[t][a] * Math.cos(angle) - x[t][b] * Math.sin(angle);
            out[t][b] = x[t][b] * Math.cos(angle) + x[t][a] * Math.sin(angle);
          }
        }
      }
    }
    return out;
  }

  @Test
  void theExampleUsesNothingThatOthersCannot() {
    assertEquals("org.lvsa.toolkit.adapter.example", AllegroAdapter.class.getPackageName());
  }
}
