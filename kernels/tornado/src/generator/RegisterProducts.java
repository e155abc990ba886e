// SPDX-License-Identifier: Apache-2.0

import java.util.List;

/** Writes the products: scores, what they are shifted by, weights, and weights times values. */
final class RegisterProducts {
  /** Tiles of keys that a row's shift is taken from: the first one, and some of its own frame. */
  private static final int SAMPLES = 5;

  private final RegisterForm form;
  private final KernelText text;
  private final RegisterCopies copies;

  RegisterProducts(RegisterForm form, KernelText text, RegisterCopies copies) {
    this.form = form;
    this.text = text;
    this.copies = copies;
  }

  private void line(String format, Object... arguments) {
    text.line(format, arguments);
  }

  /** Rows of a warp that a thread has numbers of. */
  private int rows() {
    return 2 * form.fragments();
  }

  /** What is subtracted from the warp's scores where the run is not for the warp. */
  void far() {
    line("float far = 0f;");
    String at = form.inTurn() ? "TornadoMath.min(run, lastRun - 1)" : "run";
    line("if (((runs.get(3 * %s + 2) >> %s) & 1) == 0) {", at, planned());
    line("  far = 1e30f;");
    line("}");
    if (form.inTurn()) {
      line("if (left <= 0) {");
      line("  far = 1e30f;");
      line("}");
    }
  }

  /** Whether the run is for the warp: 1 or 0. */
  void mine() {
    line("int mine = (runs.get(3 * run + 2) >> %s) & 1;", planned());
  }

  /** The warp of the plan whose queries these are. */
  private String planned() {
    return form.split() ? "planned" : "warp";
  }

  /** The highest score of each row over all its keys; becomes what its scores are shifted by. */
  void maxima() {
    begin();
    line("int firstRun = run;");
    copies.firstTile(true, false);
    // Warps without queries take part: where a loop in an if meets its else, TornadoVM 5.2.0 sets
    // the loop's results back to what they are in the else.
    // Two tiles in turn: with a stage that is known, the addresses of ldmatrix are constants.
    line("while (left > 0) {");
    maximaOfTile(0);
    line("if (left > 0) {");
    maximaOfTile(1);
    line("}");
    line("}");
    line("context.localBarrier();");
    shifts(" - FP16_SHIFT");
    line("run = firstRun;");
  }

  private void begin() {
    for (int row = 0; row < rows(); row++) {
      line("float high%d = LOWEST;", row);
    }
  }

  private void maximaOfTile(int stage) {
    line("{");
    line("int stage = %d;", stage);
    mine();
    copies.nextTile(false);
    highest("%d + ".formatted(stage * form.stageWords() * 4), form.products());
    line("token = nextToken;");
    line("left = nextLeft;");
    line("}");
  }

  /** The highest score of each row over some tiles; becomes what the row's scores are shifted by. */
  void sample() {
    line("int own = tiles.get(tile + 2);");
    begin();
    line("for (int sample = 0; sample < %d; sample++) {", SAMPLES);
    line(
        "int column = TornadoMath.min(own + (sample - 1) * 64, paddedTokens - %d);",
        RegisterForm.PLANNED_KEYS);
    line("if (sample == 0) {");
    line("  column = own;");
    line("  if (run < lastRun) {");
    line("    column = runs.get(3 * run);");
    line("  }");
    line("}");
    copies.sampleKeys("column");
    if (form.eight()) {
      line("float sampleScale = keyScales.get(scaleBase + column / %d);", RegisterForm.PLANNED_KEYS);
    }
    // What a sample leaves open, the small parts do not tell.
    highest("", form.products().subList(0, 1));
    line("context.localBarrier();");
    line("}");
    shifts(form.split() ? " - F32_SHIFT" : "");
  }

  /** Takes the scores of a tile of keys into each row's maximum. */
  private void highest(String bytes, List<RegisterForm.Product> products) {
    for (int n = 0; n < form.keys() / 8; n++) {
      for (int k = 0; k < form.steps(); k++) {
        scores("t", "_" + n, "tb%d_%d".formatted(n, k), bytes, n, k, products);
      }
      for (int r = 0; r < form.fragments(); r++) {
        String fragment = "t%d_%d".formatted(r, n);
        read(fragment);
        for (int i = 0; i < 4; i++) {
          int row = 2 * r + i / 2;
          String score = score(fragment, i);
          if (form.eight()) {
            score = "(%s - WHOLE) * sampleScale".formatted(score);
          }
          line("high%d = TornadoMath.max(high%d, %s);", row, row, score);
        }
      }
    }
  }

  /**
   * An element of a fragment of scores; minus infinity where the run is not for the warp. The lowest
   * number would have the weight 1 in a row whose own scores are all minus infinity.
   */
  private String score(String fragment, int i) {
    String element = form.eight() ? text.wholeElement(fragment, i) : text.element(fragment, i);
    return form.again() ? "mine == 0 ? Float.NEGATIVE_INFINITY : " + element : element;
  }

  private void read(String scores) {
    if (form.eight()) {
      text.readWhole(scores);
    } else {
      text.read(scores);
    }
  }

  /** From each thread's maxima to those of the rows, and what the rows are shifted by. */
  private void shifts(String less) {
    line("// The four threads of a row agree.");
    for (int row = 0; row < rows(); row++) {
      line("slot[slot0 + %d] = high%d;", text.slotOffset(row), row);
    }
    line("context.localBarrier();");
    for (int row = 0; row < rows(); row++) {
      int at = text.slotOffset(row);
      line(
          "float shift%d = %s * TornadoMath.max(TornadoMath.max(slot[quad + %d], slot[quad + %d]),"
              + " TornadoMath.max(slot[quad + %d], slot[quad + %d]))%s;",
          row, form.eight() ? "factor" + row : "scale", at, at + 2, at + 4, at + 6, less);
    }
    line("context.localBarrier();");
  }

  /** What is subtracted from each row's scores in this tile, and what multiplies them. */
  void less() {
    if (form.eight()) {
      line("float keyScale = keyScales.get(scaleBase + token / %d);", RegisterForm.PLANNED_KEYS);
    }
    for (int row = 0; row < rows(); row++) {
      String less = "shift" + row + (form.again() ? "" : " + far");
      if (form.eight()) {
        line("float scale%d = factor%d * keyScale;", row, row);
        less += " + WHOLE * scale" + row;
      }
      line("float less%d = %s;", row, less);
    }
  }

  /**
   * One step of the scores of 8 keys: 32 bytes of each query and key.
   *
   * @param sum name of the fragments of scores, before and behind the number of the queries'
   * @param keys name of the fragment of keys
   */
  private void scores(
      String sum,
      String behind,
      String keys,
      String bytes,
      int n,
      int k,
      List<RegisterForm.Product> products) {
    int loaded = -1;
    for (RegisterForm.Product product : products) {
      String right = RegisterCopies.part(keys, product.right());
      if (product.right() != loaded) {
        loaded = product.right();
        int at = n * form.keyBlockBytes() + loaded * form.headDim() * 16 + k * 256;
        line("HalfFloat[] %s = context.mmaLoadB(staged, 16, %s%d);", right, bytes, at);
      }
      for (int r = 0; r < form.fragments(); r++) {
        String to = sum + r + behind;
        boolean first = k == 0 && product.equals(products.getFirst());
        if (form.eight()) {
          line(
              "%s%s = context.mmaInt8((byte[]) (Object) q%d_%d, (byte[]) (Object) %s, %s,"
                  + " MMAShape.M16N8K32);",
              first ? "int[] " : "",
              to,
              r,
              k,
              right,
              first ? "context.mmaFragmentInt(WHOLE_BITS)" : to);
          continue;
        }
        line(
            "%s%s = context.%s(%s, %s, %s, MMAShape.M16N8K16);",
            first ? "float[] " : "",
            to,
            form.scoreProduct(),
            RegisterCopies.part("q%d_%d".formatted(r, k), product.left()),
            right,
            first ? "context.mmaFragment(0f)" : to);
      }
    }
  }

  /**
   * Scores, weights and their products with the values, for 16 keys.
   *
   * @param bytes where the tile lies in local memory: a variable's name, or a number
   */
  void chunk(int chunk, String bytes) {
    int blocks = RegisterForm.CHUNK / 8;
    for (int k = 0; k < form.steps(); k++) {
      for (int n = 0; n < blocks; n++) {
        String keys = "kb%d_%d_%d".formatted(chunk, k, n);
        scores("s%d_".formatted(chunk), "_" + n, keys, bytes + " + ", chunk * blocks + n, k,
            form.products());
      }
    }
    for (int r = 0; r < form.fragments(); r++) {
      for (int n = 0; n < blocks; n++) {
        weights(r, n, "s%d_%d_%d".formatted(chunk, r, n));
      }
    }
    for (int n = 0; n < form.headDim() / 8; n++) {
      int loaded = -1;
      for (RegisterForm.Product product : form.products()) {
        String right = RegisterCopies.part("vb%d_%d".formatted(chunk, n), product.right());
        if (product.right() != loaded) {
          loaded = product.right();
          values(right, bytes, chunk, loaded * form.headDim() / 8 + n);
        }
        for (int r = 0; r < form.fragments(); r++) {
          weigh("o%d_%d".formatted(r, n), r, product.left(), right);
        }
      }
    }
    String ones = "vb%d_%d".formatted(chunk, form.valueBlocks() - 1);
    values(ones, bytes, chunk, form.valueBlocks() - 1);
    for (int part = 0; part < form.parts(); part++) {
      for (int r = 0; r < form.fragments(); r++) {
        weigh("l" + r, r, part, ones);
      }
    }
  }

  private void weights(int r, int n, String scores) {
    read(scores);
    for (int i = 0; i < 4; i++) {
      line("float x%s_%d = %s;", scores, i, score(scores, i));
    }
    if (form.split()) {
      partsOfWeights(r, n, scores);
      return;
    }
    for (int i = 0; i < 4; i++) {
      store("p" + r, 4 * n + i, "new HalfFloat(%s)".formatted(weight(r, scores, i)));
    }
  }

  private String weight(int r, String scores, int i) {
    int row = 2 * r + i / 2;
    return "TornadoMath.exp(x%s_%d * scale%s - less%d)"
        .formatted(scores, i, form.eight() ? row : "", row);
  }

  /** The large part of a weight is its first 16 bits, which are found as a fragment's numbers are. */
  private void partsOfWeights(int r, int n, String scores) {
    line("float[] e%s = new float[4];", scores);
    for (int i = 0; i < 4; i++) {
      line("float w%s_%d = %s;", scores, i, weight(r, scores, i));
      line("e%s[%d] = w%s_%d;", scores, i, scores, i);
    }
    line(
        "context.mmaStore(e%s, wordStore, back, slotColumn, %d);", scores, 8 * form.warps());
    for (int i = 0; i < 4; i++) {
      String large = "h%s_%d".formatted(scores, i);
      line(
          "float %s = BFloat16.bf16ToFloat((short) (words[slot0 + %d] >>> 16));",
          large, text.slotOffset(i));
      store("p" + r, 4 * n + i, "new HalfFloat(%s)".formatted(large));
      store(
          RegisterCopies.part("p" + r, 1),
          4 * n + i,
          "new HalfFloat(w%s_%d - %s)".formatted(scores, i, large));
    }
  }

  /**
   * Stores a half in an A fragment.
   *
   * @param place 4 · n + i for element i of the n-th fragment of scores: there the next product
   *     wants its weight
   */
  private void store(String fragment, int place, String half) {
    line("context.swizzleStoreFp16Stride32(%s, 0, %d, 32, %s);", fragment, place, half);
  }

  private void values(String name, String bytes, int chunk, int block) {
    line(
        "HalfFloat[] %s = context.mmaLoadB(staged, 16, %s + %d);",
        name, bytes, form.keyWords() * 4 + (chunk * form.valueBlocks() + block) * 256);
  }

  private void weigh(String sum, int r, int part, String values) {
    line(
        "%s = context.mma(%s, %s, %s, MMAShape.M16N8K16);",
        sum, RegisterCopies.part("p" + r, part), values, sum);
  }
}
