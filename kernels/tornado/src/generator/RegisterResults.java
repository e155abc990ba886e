// SPDX-License-Identifier: Apache-2.0

/** Writes what a warp does at the end: log-sum-exps, flags, and the output. */
final class RegisterResults {
  private final RegisterForm form;
  private final KernelText text;

  RegisterResults(RegisterForm form, KernelText text) {
    this.form = form;
    this.text = text;
  }

  private void line(String format, Object... arguments) {
    text.line(format, arguments);
  }

  void all() {
    line("int keys = tiles.get(%s);", form.numbers("warp", 2));
    if (!form.again()) {
      // fp16 rounds a weight by up to 2^-25.
      int share = form.split() ? 14 : 8;
      line("// fp16 rounds a weight by up to 2^-25: together at most 1/%d of this.", 1 << share);
      line("float least = keys * %sf;", Float.toString(Math.scalb(1f, share - 25)));
    }
    for (int r = 0; r < form.fragments(); r++) {
      text.read("l" + r);
      for (int half = 0; half < 2; half++) {
        sum(r, half);
      }
    }
    output();
  }

  private void sum(int r, int half) {
    int row = 2 * r + half;
    line("float sum%d = %s;", row, text.element("l" + r, 2 * half));
    line("float inverse%d = 0f;", row);
    line("float result%d = Float.NEGATIVE_INFINITY;", row);
    if (!form.again()) {
      line("int bad%d = 0;", row);
    }
    line("if (keys > 0) {");
    line("  inverse%d = 1f / sum%d;", row, row);
    line("  result%d = shift%d + TornadoMath.log(sum%d);", row, row, row);
    if (!form.again()) {
      good(row);
    }
    line("}");
    line("int row%d = group + %d;", row, 16 * r + 8 * half);
    line("int at%d = (sequence * tokens + firstQuery + row%d) * heads + head;", row, row);
    line("int to%d = at%d * %d + 2 * member;", row, row, form.headDim());
    line("if (member == 0 && row%d < queries) {", row);
    String more = form.eight() ? " + queryNumbers.get(2 * at%d + 1)".formatted(row) : "";
    line("  logSumExp.set(at%d, result%d%s);", row, row, more);
    if (!form.again()) {
      line("  if (bad%d == 1) {", row);
      line("    flags.set(flagAt, 1);");
      line("    again.set(0, again.get(0) + 1);");
      line("  }");
    }
    line("}");
  }

  /** Whether the row's sum says that fp16 held its weights. */
  private void good(int row) {
    line("  bad%d = 1;", row);
    // A comparison alone does not find NaN: TornadoVM turns a >= b into !(a < b).
    line("  if (sum%d - sum%d == 0f) {", row, row);
    line("    if (sum%d >= least) {", row);
    line("      bad%d = 0;", row);
    line("    }");
    line("  }");
  }

  private void output() {
    line("float outScale = scales.get(%scontext.groupIdy);", form.split() ? "3 * " : "");
    int blocks = form.headDim() / 8;
    for (int r = 0; r < form.fragments(); r++) {
      for (int n = 0; n < blocks; n++) {
        String fragment = "o%d_%d".formatted(r, n);
        text.read(fragment);
        for (int i = 0; i < 4; i++) {
          line(
              "float z%d_%d_%d = %s * inverse%d * outScale;",
              r, n, i, text.element(fragment, i), 2 * r + i / 2);
        }
      }
      for (int half = 0; half < 2; half++) {
        int row = 2 * r + half;
        line("if (row%d < queries) {", row);
        for (int n = 0; n < blocks; n++) {
          line("  out.set(to%d + %d, z%d_%d_%d);", row, 8 * n, r, n, 2 * half);
          line("  out.set(to%d + %d, z%d_%d_%d);", row, 8 * n + 1, r, n, 2 * half + 1);
        }
        line("}");
      }
    }
  }
}
