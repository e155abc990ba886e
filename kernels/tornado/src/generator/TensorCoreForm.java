// SPDX-License-Identifier: Apache-2.0

/**
 * One of the kernels that {@link TensorCoreGenerator} writes, and the sizes that follow.
 *
 * @param bf16 whether inputs are bf16; fp16 otherwise
 * @param bounded whether scores are within the head's bound, so that no maximum is needed
 */
record TensorCoreForm(boolean bf16, int headDim, boolean bounded) {
  /** Number of warps of a work-group; each warp computes 16 queries. */
  static final int WARPS = Integer.getInteger("warps", 4);

  static final int THREADS = 32 * WARPS;

  /** Keys of a tile. */
  static final int KEYS = 32;

  /** Words of a 16 x 8 tile of keys, and of values: 64 and a shift that spreads the banks. */
  static final int KEY_TILE = 72;

  static final int VALUE_TILE = 68;

  /** Words of a tile of keys. */
  int keyStage() {
    return headDim / 16 * (KEYS / 8) * KEY_TILE;
  }

  /** Words of a tile of values. */
  int valueStage() {
    return KEYS / 16 * (headDim / 8) * VALUE_TILE;
  }

  /**
   * What is subtracted from shifts besides: ln 2^15 in fp16, which has few small numbers, so that
   * weights go up to 2^15 instead of 1; their sum divides it out.
   */
  String shift() {
    return bf16 ? "" : " - 10.397208f";
  }

  /** What multiplies fragments. */
  String mma() {
    return bf16 ? "mmaBF16" : "mma";
  }
}
