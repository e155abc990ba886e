// SPDX-License-Identifier: Apache-2.0

/** Writes how queries, keys and values come to a work-group. */
final class TensorCoreCopies {
  private final TensorCoreForm form;
  private final KernelText text;

  TensorCoreCopies(TensorCoreForm form, KernelText text) {
    this.form = form;
    this.text = text;
  }

  private void line(String format, Object... arguments) {
    text.line(format, arguments);
  }

  /** The numbers that stay the same for a thread. */
  void setUp() {
    int tileWords =
        Math.max(
            2 * (form.keyStage() + form.valueStage()),
            TensorCoreForm.WARPS * 16 * form.headDim() / 2);
    line("// K, then V, two stages of each; at first Q.");
    line("int[] staged = context.allocateIntLocalArray(%d);", tileWords);
    line("// The weights of each warp as A tiles, 256 words; then every thread's words for bits.");
    line("int[] words = context.allocateIntLocalArray(%d);", TensorCoreForm.WARPS * 384 + 4);
    line("float[] slot = context.allocateFloatLocalArray(%d);", TensorCoreForm.WARPS * 128 + 4);
    line("FloatArray slotStore = (FloatArray) (Object) slot;");
    line("FloatArray wordStore = (FloatArray) (Object) words;");
    text.threads();
    line("int wordColumn = slotColumn + %d;", TensorCoreForm.WARPS * 256);
    line("int word0 = slotAt + %d;", TensorCoreForm.WARPS * 256 + 4);
    line("int quad = ((thread & ~3) << 1) + 4;");
    line("int head = context.groupIdy %% heads;".formatted());
    line("int tile = tiles.get(head) + context.groupIdx * 4;");
    line("int sequence = context.groupIdy / heads;");
    line("int kvHead = head / (heads / kvHeads);");
    line("int firstQuery = tiles.get(tile);");
    line("int queries = tiles.get(tile + 1);");
    line("int weightTile = warp * 256 + group * 8 + member;");
    int rows = TensorCoreForm.THREADS / 16;
    line("int keyWord = thread & 15;");
    line("int keyRow = thread >> 4;");
    line(
        "int keyTo = (keyWord >> 2) * %d + keyRow * 4 + (keyWord & 3);",
        TensorCoreForm.KEY_TILE);
    line(
        "int keyFrom = ((sequence * kvHeads + kvHead) * %d + keyRow) * paddedTokens + 2 * keyWord;",
        form.headDim());
    int wordsOfKey = form.headDim() / 2;
    line("int valueWord = thread & %d;", wordsOfKey - 1);
    line("int valueRow = thread / %d;", wordsOfKey);
    line(
        "int valueTo = %d + (valueWord >> 2) * %d + valueRow * 4 + (valueWord & 3);",
        2 * form.keyStage(), TensorCoreForm.VALUE_TILE);
    line("int valueStride = kvHeads * %d;", form.headDim());
    line(
        "int valueFrom = (sequence * tokens + valueRow) * valueStride + kvHead * %d + 2 * valueWord;",
        form.headDim());
    if (rows % 8 != 0 || TensorCoreForm.THREADS < wordsOfKey) {
      throw new IllegalStateException("too few threads");
    }
  }

  /** Queries of all warps to local memory, and from there to registers. */
  void stageQueries() {
    int wordsOfRow = form.headDim() / 2;
    int step = TensorCoreForm.THREADS / wordsOfRow;
    line("int queryWord = thread & %d;", wordsOfRow - 1);
    line("int queryRow = thread / %d;", wordsOfRow);
    line("for (int row = queryRow; row < %d; row += %d) {", 16 * TensorCoreForm.WARPS, step);
    line("  int from = firstQuery + TornadoMath.min(row, TornadoMath.max(queries - 1, 0));");
    line("  int to = (row >> 4) * %d + (queryWord >> 3) * 128", form.headDim() / 16 * 128);
    line("      + (row & 15) * 8 + (queryWord & 7);");
    line("  context.asyncCopyToLocal(staged, to, query,");
    line("      ((sequence * tokens + from) * heads + head) * %d + 2 * queryWord);", form.headDim());
    line("}");
    line("context.asyncCopyCommit();");
    line("context.asyncCopyWaitGroup(0);");
    line("context.localBarrier();");
    for (int k = 0; k < form.headDim() / 16; k++) {
      line(
          "HalfFloat[] q%d = context.mmaLoadA(staged, 16, warp * %d + %d);",
          k, form.headDim() / 16 * 512, k * 512);
    }
    line("context.localBarrier();");
  }

  /** Begins to copy a tile of keys and values. */
  void copyTile(String token, String padded, String stage) {
    line("int keyTo_%s = keyTo + (%s & 1) * %d;", stage, stage, form.keyStage());
    line("int keyFrom_%s = keyFrom + %s;", stage, padded);
    int rows = TensorCoreForm.THREADS / 16;
    for (int j = 0; j < form.headDim() / rows; j++) {
      int d = j * rows;
      line(
          "context.asyncCopyToLocal(staged, keyTo_%s + %d, key, keyFrom_%s + %d * paddedTokens);",
          stage, d / 16 * (TensorCoreForm.KEYS / 8) * TensorCoreForm.KEY_TILE + d % 16 * 4, stage, d);
    }
    line("int valueTo_%s = valueTo + (%s & 1) * %d;", stage, stage, form.valueStage());
    line("int valueFrom_%s = valueFrom + %s * valueStride;", stage, token);
    int keysOfStep = TensorCoreForm.THREADS / (form.headDim() / 2);
    for (int k = 0; k < TensorCoreForm.KEYS; k += keysOfStep) {
      line(
          "context.asyncCopyToLocal(staged, valueTo_%s + %d, value, valueFrom_%s + %d * valueStride);",
          stage, k / 16 * (form.headDim() / 8) * TensorCoreForm.VALUE_TILE + k % 16 * 4, stage, k);
    }
  }

  /**
   * Values beyond the last key of a run are another frame's, and have weight 0: they are set to 0,
   * because 0 times NaN or infinity would not be. Each thread clears what it copied itself.
   */
  void clearBeyond() {
    line("if (left < %d) {", TensorCoreForm.KEYS);
    line("  int cleared = valueTo - valueRow * 4 + (stage & 1) * %d;", form.valueStage());
    // A loop, where copies are unrolled: it seldom runs, and the tile loop should stay short.
    line(
        "  for (int k = valueRow; k < %d; k += %d) {",
        TensorCoreForm.KEYS, TensorCoreForm.THREADS / (form.headDim() / 2));
    line("    if (k >= left) {");
    line(
        "      staged[cleared + (k >> 4) * %d + (k & 15) * 4] = 0;",
        form.headDim() / 8 * TensorCoreForm.VALUE_TILE);
    line("    }");
    line("  }");
    line("}");
  }
}
