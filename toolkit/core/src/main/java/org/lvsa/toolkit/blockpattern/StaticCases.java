// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;

/**
 * Cases of static patterns in documents of masks: an object per case with the parameters under the
 * published names, answered by an object with the mask.
 */
public final class StaticCases {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** Rows that an answer about profile masks shows, evenly spread. */
  private static final int SHOWN_ROWS = 14;

  /** The published code profiles no rows beyond these. */
  private static final int MOST_PROFILED_ROWS = 10_000;

  /** Names of the methods whose documents hold cases of static patterns. */
  public static final List<String> METHODS =
      List.of("radial", "sta", "svg_exec", "svg_bsr", "svg_profile_masks", "baselines");

  private StaticCases() {}

  /** Whether a document of this method holds cases of static patterns. */
  public static boolean has(String method) {
    return METHODS.contains(method);
  }

  /**
   * The answer to one case: {@code id, indptr, indices, density_block, density_token}, for {@code
   * svg_profile_masks} the masks' rows.
   *
   * @param method the document's method
   * @param given the case
   * @throws IllegalArgumentException if a parameter is missing or out of range
   */
  public static ObjectNode answer(String method, JsonNode given) {
    CaseFields fields = new CaseFields(given);
    ObjectNode answer = NODES.objectNode().put("id", fields.text("id"));
    if (method.equals("svg_profile_masks")) {
      answer.set("masks", profileMasks(fields));
      return answer;
    }
    TokenGrid grid = grid(method, fields);
    put(answer, pattern(method, fields, grid).mask(grid));
    return answer;
  }

  /** Writes a mask's rows and densities into an answer. */
  static void put(ObjectNode answer, BlockMask mask) {
    ArrayNode indptr = answer.putArray("indptr");
    for (int start : mask.indptr()) {
      indptr.add(start);
    }
    ArrayNode indices = answer.putArray("indices");
    for (int index : mask.indices()) {
      indices.add(index);
    }
    answer.put("density_block", mask.densityOfBlocks());
    answer.put("density_token", mask.densityOfTokens());
  }

  private static TokenGrid grid(String method, CaseFields fields) {
    return fields.grid(method.equals("svg_exec") ? "context" : "text");
  }

  private static StaticPattern pattern(String method, CaseFields fields, TokenGrid grid) {
    return switch (method) {
      case "radial" ->
          new RadialPattern(
              fields.number("block"),
              fields.real("decay_factor"),
              fields.choice("model", RadialPattern.Family.class));
      case "sta" ->
          new SlidingTilePattern(
              fields.tile("tile"), fields.tile("kernel"), fields.number("text_max", 0));
      case "svg_exec" -> svg(fields);
      case "svg_bsr" -> new SvgBlockPattern(fields.real("multiplier"));
      case "baselines" -> baseline(fields);
      default -> throw new IllegalArgumentException("method " + method + " is not static");
    };
  }

  private static StaticPattern svg(CaseFields fields) {
    return new SvgPattern(
        family(fields),
        SvgPattern.Kind.SPATIAL,
        fields.real("sparsity"),
        fields.number("prompt", 0),
        fields.number("block", SvgPattern.GRAIN),
        fields.flag("attn_sink", false));
  }

  static SvgPattern.Family family(CaseFields fields) {
    return fields.choice("family", SvgPattern.Family.class);
  }

  private static StaticPattern baseline(CaseFields fields) {
    int block = fields.number("block");
    return switch (fields.text("kind")) {
      case "frame_window" ->
          new FrameWindowPattern(block, fields.number("radius"), 1, fields.number("sink", 0));
      case "dilated_window" ->
          new FrameWindowPattern(
              block, fields.number("radius"), fields.number("dilation"), fields.number("sink", 0));
      case "strided" ->
          new StridedPattern(
              block, fields.number("local"), fields.number("stride"), fields.number("offset", 0));
      case "random_blocks" ->
          new RandomPattern(
              block, fields.number("k"), fields.seed("seed"), fields.flag("diagonal", true));
      default ->
          throw new IllegalArgumentException(
              "kind must be frame_window, dilated_window, strided or random_blocks, got "
                  + fields.text("kind"));
    };
  }

  private static ObjectNode profileMasks(CaseFields fields) {
    TokenGrid grid = fields.grid("context");
    int queries = fields.number("max_row", Math.min(MOST_PROFILED_ROWS, grid.tokens()));
    if (queries < 1 || queries > grid.tokens()) {
      throw new IllegalArgumentException(
          "max_row must be from 1 to the number of tokens (" + grid.tokens() + "), got " + queries);
    }
    ObjectNode masks = NODES.objectNode();
    for (SvgPattern.Kind kind : SvgPattern.Kind.values()) {
      masks.set(
          kind.name().toLowerCase(Locale.ROOT),
          profileMask(new SvgProfileMask(family(fields), kind), grid, queries));
    }
    return masks;
  }

  private static ObjectNode profileMask(SvgProfileMask mask, TokenGrid grid, int queries) {
    int tokens = grid.tokens();
    ObjectNode rows = NODES.objectNode();
    ArrayNode counts = NODES.arrayNode();
    CRC32 crc = new CRC32();
    long visible = 0;
    int shown = 0;
    for (int query = 0; query < queries; query++) {
      BitSet keys = mask.visible(grid, query);
      counts.add(keys.cardinality());
      visible += keys.cardinality();
      crc.update(packed(keys, tokens));
      if (query == shownRow(shown, queries)) {
        rows.set(Integer.toString(query), runs(keys));
        shown++;
      }
    }
    ObjectNode answer = NODES.objectNode();
    answer.set("rows", rows);
    answer.set("row_counts", counts);
    answer.put("density", visible / ((double) queries * tokens));
    answer.put("crc32_packed", crc.getValue());
    answer.putArray("shape").add(queries).add(tokens);
    return answer;
  }

  /** A row of bits, the first key in the highest bit of the first byte. */
  private static byte[] packed(BitSet keys, int tokens) {
    byte[] packed = new byte[Math.ceilDiv(tokens, Byte.SIZE)];
    keys.stream().forEach(key -> packed[key / Byte.SIZE] |= (byte) (0x80 >>> key % Byte.SIZE));
    return packed;
  }

  private static int shownRow(int index, int queries) {
    return index == SHOWN_ROWS - 1
        ? queries - 1
        : (int) (index * ((queries - 1.0) / (SHOWN_ROWS - 1)));
  }

  private static ArrayNode runs(BitSet keys) {
    ArrayNode runs = NODES.arrayNode();
    for (int begin = keys.nextSetBit(0); begin >= 0; ) {
      int end = keys.nextClearBit(begin);
      runs.addArray().add(begin).add(end);
      begin = keys.nextSetBit(end);
    }
    return runs;
  }
}
