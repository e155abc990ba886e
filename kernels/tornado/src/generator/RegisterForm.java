// SPDX-License-Identifier: Apache-2.0

import java.util.List;
import java.util.Locale;

/**
 * One of the kernels that {@link RegisterGenerator} writes, and the sizes that follow.
 *
 * <p>A float32 is the sum of two numbers of fp16, a large and a small one. A product of two of them
 * is the sum of three products of parts; that of the small parts is left out. A warp then computes
 * 16 queries, whose parts fill as many registers as 32 queries of one part, and a tile has half the
 * keys.
 *
 * <p>Queries and keys of int8 have a factor each: a query its own, 32 keys one together. Values stay
 * fp16.
 *
 * @param numbers what queries, keys and values are
 * @param warps of a work-group
 * @param again whether this is the kernel that computes flagged queries again, with each row's own
 *     maximum
 */
record RegisterForm(Numbers numbers, int headDim, int warps, boolean again) {
  /** Keys of a tile of the plan, which is the same for all kernels. */
  static final int PLANNED_KEYS = 32;

  /** Keys that are computed at a time, so that their scores fit in registers. */
  static final int CHUNK = 16;

  enum Numbers {
    BF16,
    FP16,
    F32,
    INT8
  }

  /** A product of parts: 0 is the large part, 1 the small one. */
  record Product(int left, int right) {}

  int threads() {
    return 32 * warps;
  }

  /** Numbers of a tile of queries of the plan: three, and three per warp of 32 queries. */
  int tileNumbers() {
    return 3 + 3 * warps;
  }

  /**
   * Whether a turn of the loop computes two tiles, so that their places in local memory are
   * constants. Measured for bf16 with 8 warps alone: NOTES.md has what it gave, and why others,
   * whose registers are spent, were left as they are.
   */
  boolean inTurn() {
    return warps == 8 && headDim == 128 && !again && (numbers == Numbers.BF16 || numbers == Numbers.FP16);
  }

  /** The method's name. */
  String name() {
    return type() + "x" + headDim + (again ? "Again" : "") + (warps == 8 ? "" : "Of" + warps);
  }

  String type() {
    return numbers.name().toLowerCase(Locale.ROOT);
  }

  /** Whether each number is two. */
  boolean split() {
    return numbers == Numbers.F32;
  }

  /** Whether queries and keys are int8, whose scores are whole numbers. */
  boolean eight() {
    return numbers == Numbers.INT8;
  }

  /** Bytes of an element of a query or a key. */
  int bytes() {
    return eight() ? 1 : 2;
  }

  /** Elements of a query or a key in a word. */
  int perWord() {
    return 4 / bytes();
  }

  /** Steps of a product of a query and a key: a fragment has 32 bytes of each. */
  int steps() {
    return headDim * bytes() / 32;
  }

  /** The array that queries and keys come in. */
  String array() {
    return eight() ? "ByteArray" : "HalfFloatArray";
  }

  int parts() {
    return split() ? 2 : 1;
  }

  /** The products that make one. */
  List<Product> products() {
    return split()
        ? List.of(new Product(0, 0), new Product(1, 0), new Product(0, 1))
        : List.of(new Product(0, 0));
  }

  /** Fragments of 16 queries that a warp computes. */
  int fragments() {
    return split() ? 1 : 2;
  }

  /** Keys of a tile. */
  int keys() {
    return PLANNED_KEYS / parts();
  }

  /** Elements of a query or a key, of all parts. */
  int elements() {
    return parts() * headDim;
  }

  /** Blocks of 8 elements of a value, and one block that holds 1 for a token and 0 for padding. */
  int valueBlocks() {
    return elements() / 8 + 1;
  }

  /** Words of a tile of keys. */
  int keyWords() {
    return keys() * elements() / perWord();
  }

  /** Words of a tile of values. */
  int valueWords() {
    return keys() * valueBlocks() * 8 / 2;
  }

  int stageWords() {
    return keyWords() + valueWords();
  }

  /** Words of one part of a query. */
  int queryWords() {
    return headDim / perWord();
  }

  /** The bytes between two blocks of 8 keys. */
  int keyBlockBytes() {
    return 8 * elements() * bytes();
  }

  /** What multiplies queries with keys. */
  String scoreProduct() {
    return numbers == Numbers.BF16 ? "mmaBF16" : "mma";
  }

  /** Where the plan's numbers of a warp of this group are: first query, queries, keys. */
  String numbers(String warp, int which) {
    return split()
        ? "numbers + %d + 3 * (%s >> 1)".formatted(which, warp)
        : "tile + %d + 3 * %s".formatted(3 + which, warp);
  }

  /** The same of a warp that is known when the kernel is written. */
  String numbers(int warp, int which) {
    return split()
        ? "numbers + %d".formatted(3 * (warp / 2) + which)
        : "tile + %d".formatted(3 + 3 * warp + which);
  }

  /** How many queries of a warp of the plan come before those of this one. */
  int before(int warp) {
    return split() ? 16 * (warp % 2) : 0;
  }
}
