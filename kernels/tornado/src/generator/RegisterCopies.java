// SPDX-License-Identifier: Apache-2.0

/** Writes how queries, keys and values come to a work-group, and its walk through the keys. */
final class RegisterCopies {
  private final RegisterForm form;
  private final KernelText text;

  RegisterCopies(RegisterForm form, KernelText text) {
    this.form = form;
    this.text = text;
  }

  private void line(String format, Object... arguments) {
    text.line(format, arguments);
  }

  /** The name of a fragment of one part. */
  static String part(String name, int part) {
    return part == 0 ? name : name + "_small";
  }

  /** Queries of all warps to local memory, and from there to registers: a fragment at a time. */
  void queries() {
    for (int r = 0; r < form.fragments(); r++) {
      for (int part = 0; part < form.parts(); part++) {
        queries(r, part);
        line("HalfFloat[] %s = context.mmaLoadA(staged, 16, 0);", part("p" + r, part));
        line("context.localBarrier();");
        if (r + part == 0) {
          line("// Without a half in its text, the device code lacks the header for halves.");
          line("HalfFloat once = context.swizzleLoadFp16Stride32(p0, 0, 0, 32);");
          line("context.swizzleStoreFp16Stride32(p0, 0, 0, 32, once);");
        }
      }
    }
  }

  private void queries(int r, int part) {
    int words = form.queryWords();
    String limit = form.again() ? "staging" : "" + form.warps() * 16 * words;
    String i = "" + (r + part);
    line("for (int i%s = thread; i%s < %s; i%s += %d) {", i, i, limit, i, form.threads());
    line("  int row%s = i%s / %d;", i, i, words);
    line("  int word%s = i%s & %d;", i, i, words - 1);
    line("  int of%s = %s;", i, form.numbers("(row%s >> 4)".formatted(i), 0));
    line("  int from%s = tiles.get(of%s) + TornadoMath.min(%s,", i, i, place(r, i));
    line("      TornadoMath.max(tiles.get(of%s + 1) - 1, 0));", i);
    line("  context.asyncCopyToLocal(staged, (row%s >> 4) * %d + (word%s >> 3) * 128", i, 16 * words, i);
    line("      + (row%s & 15) * 8 + (word%s & 7), query,", i, i);
    line("      ((sequence * tokens + from%s) * heads + head) * %d + %s%d * word%s);",
        i, form.elements(), part == 0 ? "" : form.headDim() + " + ", form.perWord(), i);
    line("}");
    line("context.asyncCopyCommit();");
    line("context.asyncCopyWaitGroup(0);");
    line("context.localBarrier();");
    for (int k = 0; k < form.steps(); k++) {
      line("HalfFloat[] %s = context.mmaLoadA(staged, 16, warp * %d + %d);",
          part("q%d_%d".formatted(r, k), part), 64 * words, k * 512);
    }
  }

  /** Which query of a warp of the plan a row of local memory is. */
  private String place(int r, String i) {
    return form.split()
        ? "(row%s & 31)".formatted(i)
        : "%d + (row%s & 15)".formatted(16 * r, i);
  }

  /** Begins to copy the keys of a tile that some rows' scores are to be sampled from. */
  void sampleKeys(String column) {
    line("int sampleAt = keyBase + %s * %d + %d * thread;",
        column, form.elements(), form.perWord());
    for (int j = 0; j < form.keyWords() / form.threads(); j++) {
      line(
          "context.asyncCopyToLocal(staged, thread + %d, key, sampleAt + %d);",
          j * form.threads(), form.perWord() * j * form.threads());
    }
    line("context.asyncCopyCommit();");
    line("context.asyncCopyWaitGroup(0);");
    line("context.localBarrier();");
  }

  /**
   * Finds the first tile and begins to copy it.
   *
   * @param declare whether the variables of the walk are new
   * @param values whether the values of its keys are copied too
   */
  void firstTile(boolean declare, boolean values) {
    String declared = declare ? "int " : "";
    line("%stoken = runs.get(3 * run);", declared);
    line("%sleft = %s;", declared, tiles());
    line("if (lastRun <= run) {");
    line("  left = 0;");
    line("}");
    String first = values && !form.inTurn() ? "stage" : "firstStage";
    line("int %s = 0;", first);
    line("if (left > 0) {");
    tile("token", first, values);
    line("}");
    line("context.asyncCopyCommit();");
  }

  /** Number of tiles of a run. */
  private String tiles() {
    return (form.split() ? "2 * " : "") + "runs.get(3 * run + 1)";
  }

  /** Finds the next tile and begins to copy it, when the one to compute now has arrived. */
  void nextTile(boolean values) {
    line("int nextToken = token + %d;", form.keys());
    line("int nextLeft = left - 1;");
    line("if (nextLeft <= 0) {");
    line("  run++;");
    line("  nextLeft = 0;");
    if (form.inTurn()) {
      // Behind the last tile a turn computes one more, whose weights are 0: of finite numbers.
      line("  nextToken = token;");
    }
    line("  if (run < lastRun) {");
    line("    nextToken = runs.get(3 * run);");
    line("    nextLeft = %s;", tiles());
    line("  }");
    line("}");
    line("context.asyncCopyWaitGroup(0);");
    line("context.localBarrier();");
    line("int otherStage = 1 - stage;");
    if (form.inTurn()) {
      tile("nextToken", "otherStage", values);
    } else {
      line("if (nextLeft > 0) {");
      tile("nextToken", "otherStage", values);
      line("}");
    }
    line("context.asyncCopyCommit();");
  }

  /** Makes the next tile the one to compute. */
  void takeNext() {
    line("token = nextToken;");
    line("left = nextLeft;");
    if (!form.inTurn()) {
      line("stage = otherStage;");
    }
  }

  private void tile(String token, String stage, boolean values) {
    line("int to_%s = (%s & 1) * %d + thread;", stage, stage, form.stageWords());
    line("int keyAt_%s = keyBase + %s * %d + %d * thread;",
        stage, token, form.elements(), form.perWord());
    if (values) {
      line(
          "int valueAt_%s = valueBase + %s * %d + 2 * thread;",
          stage, token, form.valueBlocks() * 8);
    }
    words(stage, "key", 0, form.keyWords(), form.perWord());
    if (values) {
      words(stage, "value", form.keyWords(), form.valueWords(), 2);
    }
  }

  private void words(String stage, String array, int first, int words, int perWord) {
    int threads = form.threads();
    for (int j = 0; j < words; j += threads) {
      if (j + threads > words) {
        line("if (thread < %d) {", words - j);
      }
      line(
          "context.asyncCopyToLocal(staged, to_%s + %d, %s, %sAt_%s + %d);",
          stage, first + j, array, array, stage, perWord * j);
      if (j + threads > words) {
        line("}");
      }
    }
  }
}
