// SPDX-License-Identifier: Apache-2.0

/** Writes the products and the softmax between them, and the results. */
final class TensorCoreProducts {
  private final TensorCoreForm form;
  private final KernelText text;

  TensorCoreProducts(TensorCoreForm form, KernelText text) {
    this.form = form;
    this.text = text;
  }

  private void line(String format, Object... arguments) {
    text.line(format, arguments);
  }

  /** Scores of a tile; minus infinity beyond the end of a run. */
  void scores() {
    line("int keyBytes = (stage & 1) * %d;", form.keyStage() * 4);
    for (int n = 0; n < TensorCoreForm.KEYS / 8; n++) {
      line("float[] s%d = context.mmaFragment(0f);", n);
    }
    for (int k = 0; k < form.headDim() / 16; k++) {
      for (int n = 0; n < TensorCoreForm.KEYS / 8; n++) {
        line(
            "s%d = context.%s(q%d, context.mmaLoadB(staged, 16, keyBytes + %d), s%d, MMAShape.M16N8K16);",
            n, form.mma(), k, (k * (TensorCoreForm.KEYS / 8) + n) * TensorCoreForm.KEY_TILE * 4, n);
      }
    }
    for (int n = 0; n < TensorCoreForm.KEYS / 8; n++) {
      text.read("s" + n);
      for (int i = 0; i < 4; i++) {
        line("float x%d%d = %s;", n, i, text.element("s" + n, i));
      }
    }
    line("if (left < %d) {", TensorCoreForm.KEYS);
    line("  int here = left - 2 * member;");
    for (int n = 0; n < TensorCoreForm.KEYS / 8; n++) {
      for (int i = 0; i < 2; i++) {
        line("  if (here <= %d) {", 8 * n + i);
        line("    x%d%d = Float.NEGATIVE_INFINITY;", n, i);
        line("    x%d%d = Float.NEGATIVE_INFINITY;", n, i + 2);
        line("  }");
      }
    }
    line("}");
  }

  /** Brings the rows' highest scores up to date. */
  private void highest() {
    for (int row = 0; row < 2; row++) {
      line("float high%d = max%d;", row, row);
      for (int n = 0; n < TensorCoreForm.KEYS / 8; n++) {
        line(
            "high%d = TornadoMath.max(high%d, TornadoMath.max(x%d%d, x%d%d));",
            row, row, n, 2 * row, n, 2 * row + 1);
      }
    }
    line("// The four threads of a row agree on its highest score.");
    line("slot[slot0] = high0;");
    line("slot[slot0 + 1] = high1;");
    line("context.asyncCopyCommit(); // keeps the compiler from moving the reads up");
    for (int row = 0; row < 2; row++) {
      line(
          "high%d = TornadoMath.max(TornadoMath.max(slot[quad + %d], slot[quad + %d]),"
              + " TornadoMath.max(slot[quad + %d], slot[quad + %d]));",
          row, row, row + 2, row + 4, row + 6);
      line("float shrink%d = TornadoMath.exp((max%d - high%d) * scale);", row, row, row);
      line("max%d = high%d;", row, row);
      line("float shift%d = high%d * scale%s;", row, row, form.shift());
      line("sum%d = sum%d * shrink%d;", row, row, row);
    }
  }

  /** Weights of a tile, as fragments. */
  void weights() {
    if (!form.bounded()) {
      highest();
    }
    for (int n = 0; n < TensorCoreForm.KEYS / 8; n++) {
      line("float[] p%d = new float[4];", n);
      for (int i = 0; i < 4; i++) {
        line(
            "float w%d%d = TornadoMath.exp(x%d%d * scale - shift%d);",
            n, i, n, i, form.bounded() ? 0 : i / 2);
        line("p%d[%d] = w%d%d;", n, i, n, i);
        line("sum%d += w%d%d;", i / 2, n, i);
      }
      line("context.mmaStore(p%d, wordStore, back, wordColumn, %d);", n, 8 * TensorCoreForm.WARPS);
      for (int row = 0; row < 2; row++) {
        String low = "words[word0 + %d]".formatted(text.slotOffset(2 * row));
        String high = "words[word0 + %d]".formatted(text.slotOffset(2 * row + 1));
        if (form.bf16()) {
          line(
              "int b%d%d = ((%s + 0x8000) >>> 16) | ((%s + 0x8000) & 0xFFFF0000);",
              n, row, low, high);
        } else {
          line(
              "int b%d%d = (TornadoMath.max(%s - 0x37FFF000, 0) >>> 13)"
                  + " | ((TornadoMath.max(%s - 0x37FFF000, 0) << 3) & 0xFFFF0000);",
              n, row, low, high);
        }
      }
    }
    for (int n = 0; n < TensorCoreForm.KEYS / 8; n++) {
      int at = n / 2 * 128 + n % 2 * 4;
      line("words[weightTile + %d] = b%d0;", at, n);
      line("words[weightTile + %d] = b%d1;", at + 64, n);
    }
    for (int s = 0; s < TensorCoreForm.KEYS / 16; s++) {
      line("HalfFloat[] a%d = context.mmaLoadA(words, 16, warp * 1024 + %d);", s, s * 512);
    }
  }

  /** Products of weights and values. */
  void values() {
    line("int valueBytes = %d + (stage & 1) * %d;", 2 * form.keyStage() * 4, form.valueStage() * 4);
    for (int n = 0; n < form.headDim() / 8 && !form.bounded(); n++) {
      text.read("o" + n);
      line("float[] c%d = new float[4];", n);
      for (int i = 0; i < 4; i++) {
        line("c%d[%d] = %s * shrink%d;", n, i, text.element("o" + n, i), i / 2);
      }
    }
    for (int s = 0; s < TensorCoreForm.KEYS / 16; s++) {
      for (int n = 0; n < form.headDim() / 8; n++) {
        line(
            "o%d = context.%s(a%d, context.mmaLoadB(staged, 16, valueBytes + %d), %s%d,"
                + " MMAShape.M16N8K16);",
            n,
            form.mma(),
            s,
            (s * (form.headDim() / 8) + n) * TensorCoreForm.VALUE_TILE * 4,
            s == 0 && !form.bounded() ? "c" : "o",
            n);
      }
    }
  }

  /** Log-sum-exps and outputs. */
  void results() {
    line("slot[slot0] = sum0;");
    line("slot[slot0 + 1] = sum1;");
    line("context.localBarrier();");
    line("// Keys whose scores are all minus infinity have the sum 0, and 1/0 makes their output NaN.");
    line("boolean anyKeys = tiles.get(tile + 2) < lastRun;");
    for (int row = 0; row < 2; row++) {
      line(
          "float all%d = (slot[quad + %d] + slot[quad + %d]) + (slot[quad + %d] + slot[quad + %d]);",
          row, row, row + 2, row + 4, row + 6);
      line("float inverse%d = 0f;", row);
      line("if (anyKeys) {");
      line("  inverse%d = 1f / all%d;", row, row);
      line("}");
      line(
          "float result%d = %s + TornadoMath.log(all%d)%s;",
          row,
          form.bounded() ? "bound" : "max%d * scale".formatted(row),
          row,
          form.shift());
      line("int row%d = warp * 16 + group + %d;", row, 8 * row);
      line("int at%d = (sequence * tokens + firstQuery + row%d) * heads + head;", row, row);
      line("int to%d = at%d * %d + 2 * member;", row, row, form.headDim());
      line("if (member == 0 && row%d < queries) {", row);
      line("  logSumExp.set(at%d, result%d);", row, row);
      line("}");
    }
    line("// Nobody writes these words before all have read them.");
    line("context.localBarrier();");
    for (int n = 0; n < form.headDim() / 8; n++) {
      text.read("o" + n);
      for (int i = 0; i < 4; i++) {
        line("float z%d%d = %s * inverse%d;", n, i, text.element("o" + n, i), i / 2);
      }
    }
    for (int row = 0; row < 2; row++) {
      line("if (row%d < queries) {", row);
      for (int n = 0; n < form.headDim() / 8; n++) {
        line("  out.set(to%d + %d, z%d%d);", row, 8 * n, n, 2 * row);
        line("  out.set(to%d + %d, z%d%d);", row, 8 * n + 1, n, 2 * row + 1);
      }
      line("}");
    }
  }
}
