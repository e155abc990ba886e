// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Cases of data-dependent patterns in documents of masks: an object per case with the parameters
 * under the published names and the name of its inputs, answered by a mask per head.
 */
public final class HeadCases {
  /** Names of the methods whose documents hold cases of data-dependent patterns. */
  public static final List<String> METHODS =
      List.of("vsa", "svg1", "svg2", "sparge", "draft", "bsa", "oracle");

  private HeadCases() {}

  /** Whether a document of this method holds cases of data-dependent patterns. */
  public static boolean has(String method) {
    return METHODS.contains(method);
  }

  /**
   * The answer to one case: {@code id} and {@code heads}, an array of masks; for {@code svg1}
   * {@code id}, {@code best}, the number of each head's kind, and {@code kinds}, its name.
   *
   * @param method the document's method
   * @param given the case
   * @param inputs where the case's inputs are
   * @throws IllegalArgumentException if a parameter is missing or out of range
   */
  public static ObjectNode answer(String method, JsonNode given, GridInputs inputs) {
    CaseFields fields = new CaseFields(given);
    TokenGrid grid = grid(method, fields);
    List<HeadInputs> heads = inputs.heads(fields.text("grid"), grid.tokens());
    ObjectNode answer = JsonNodeFactory.instance.objectNode().put("id", fields.text("id"));
    if (method.equals("svg1")) {
      ArrayNode best = answer.putArray("best");
      ArrayNode kinds = answer.putArray("kinds");
      for (HeadInputs head : heads) {
        SvgPattern.Kind kind =
            SvgHeadKinds.kind(
                SvgHeadKinds.errors(
                    StaticCases.family(fields), grid, head, fields.numbers("sampled_rows")));
        best.add(kind.ordinal());
        kinds.add(kind.name().toLowerCase(Locale.ROOT));
      }
      return answer;
    }
    ArrayNode masks = answer.putArray("heads");
    for (HeadSelection selection : selections(method, given, inputs)) {
      StaticCases.put(masks.addObject(), selection.mask());
    }
    return answer;
  }

  /** What a case's pattern chooses for each head. */
  static List<HeadSelection> selections(String method, JsonNode given, GridInputs inputs) {
    CaseFields fields = new CaseFields(given);
    TokenGrid grid = grid(method, fields);
    List<HeadInputs> heads = inputs.heads(fields.text("grid"), grid.tokens());
    return IntStream.range(0, heads.size())
        .mapToObj(head -> pattern(method, fields, head).select(grid, heads.get(head)))
        .toList();
  }

  /** The inputs of each head of a case. */
  static List<HeadInputs> inputs(String method, JsonNode given, GridInputs inputs) {
    CaseFields fields = new CaseFields(given);
    return inputs.heads(fields.text("grid"), grid(method, fields).tokens());
  }

  /** The video, with its text where the method takes text. */
  static TokenGrid grid(String method, CaseFields fields) {
    return switch (method) {
      case "vsa", "bsa" -> fields.grid("none");
      case "svg1", "svg2" -> fields.grid("context");
      default -> fields.grid("text");
    };
  }

  private static HeadPattern pattern(String method, CaseFields fields, int head) {
    return switch (method) {
      case "vsa" -> new VsaPattern(fields.tile("tile"), fields.real("sparsity"));
      case "bsa" ->
          new BsaPattern(
              fields.tile("tile_q"),
              fields.tile("tile_k"),
              optional(fields, "sparsity"),
              optional(fields, "cdf_threshold"));
      case "draft" -> {
        int[] pool = fields.exactly(2, "pool");
        yield new DraftPattern(pool[0], pool[1], fields.real("sparsity_ratio"));
      }
      case "sparge" ->
          new SpargePattern(
              fields.number("blkq"),
              fields.number("blkk"),
              fields.real("simthreshd1"),
              optional(fields, "topk"),
              optional(fields, "cdfthreshd"),
              fields.flag("attention_sink", false),
              fields.flag("smooth_k", true));
      case "svg2" ->
          new Svg2Pattern(
              fields.numbers("init_q", head),
              fields.numbers("init_k", head),
              fields.number("iters"),
              fields.real("top_p"),
              fields.real("min_kc_ratio"),
              fields.given("prompt")
                  ? OptionalInt.of(fields.number("prompt"))
                  : OptionalInt.empty());
      case "oracle" ->
          new OraclePattern(
              fields.number("blkq"),
              fields.number("blkk"),
              fields.number("k"),
              fields.given("tile") ? Optional.of(fields.tile("tile")) : Optional.empty());
      default -> throw new IllegalArgumentException("method " + method + " looks at no inputs");
    };
  }

  private static OptionalDouble optional(CaseFields fields, String name) {
    return fields.given(name) ? OptionalDouble.of(fields.real(name)) : OptionalDouble.empty();
  }
}
