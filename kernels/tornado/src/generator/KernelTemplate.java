// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The text of a class of kernels that is written once for each type of activations. In the text
 * {@code CLASS} and {@code ARRAY} stand for the names of the class and of the array type, {@code
 * READ} and {@code WRITE} for what reads an element as float32 and what writes one, {@code
 * READ_PAIR} and {@code WRITE_PAIR} for the same of two neighbours, and {@code EXTRA} for kernels of
 * the float32 class alone.
 *
 * <p>In kernels on rows a work-group of {@code threads} threads has a row of {@code width} numbers.
 * Each thread holds pairs of neighbours in registers: pair {@code thread}, {@code thread + threads}
 * and so on. {@code own} is the place of its first number in the row, {@code base} that in memory,
 * and {@code i} the distance from it. These lines are written out:
 *
 * <ul>
 *   <li>{@code GROUP(threads)} takes room for sums over a work-group; {@code ROW} also declares what
 *       is held of the row of that work-group.
 *   <li>{@code EACH statement} repeats a statement for each number {@code v#} that a thread holds,
 *       {@code EACH_PAIR statement} for each pair {@code a#} and {@code b#}, {@code REST statement}
 *       for each number that it does not hold.
 *   <li>{@code TOTAL(name, part, 0)} is the sum of {@code part} over a work-group. The last number
 *       is 0 and 1 in turn: a sum's room is written again when all have read it.
 *   <li>{@code ADD value} makes the row of {@code x} and {@code Y}, the number of {@code y}, and
 *       writes it to {@code x} as well.
 *   <li>{@code STATISTICS} computes {@code mean} and {@code inverse}, one by the deviation.
 *   <li>{@code PUT(value)} writes the result to {@code out}; {@code it} is the number of the row.
 *   <li>In kernels on heads each warp has some heads. {@code EACH_HEAD statement} repeats a
 *       statement for each of them, and {@code EACH_HEAD_PAIR statement} for each pair {@code p} of
 *       them that a lane holds, {@code a#_@} and {@code b#_@}. {@code HEADS_OF_WARP} declares them,
 *       and {@code TOKENS} the heads' tokens, {@code token#}. {@code LANES(name)} sums {@code part#}
 *       over the lanes, into the variables {@code name#}.
 *   <li>{@code PLACE(token)} finds the place of a token in the video. {@code TURN(a, b, p)} turns pair
 *       {@code p} of a head by the angle of that place.
 * </ul>
 */
final class KernelTemplate {
  /**
   * Pairs of a row that a thread holds in registers. They are written one by one: TornadoVM's
   * compiler has the width as a constant and drops those that a row has not. What a wider row has
   * beside them is read from memory each time.
   */
  private static final int HELD = 12;

  /** Heads that a warp has at once, so that their loads overlap. */
  private static final int HEADS = 4;

  /** Pairs of a head that a lane holds: heads have at most 128 numbers. */
  private static final int LANE_PAIRS = 2;

  private static final String GROUP =
      """
          float[] sums = context.allocateFloatLocalArray(ROOM);
          int thread = context.localIdx;
          int threads = $1;
      """;

  private static final String ROW =
      """
          GROUP(RowThreads.of(width))
          int held = (width / 2 + threads - 1) / threads;
          int full = width / 2 / threads;
          int own = 2 * thread;
          int base = context.groupIdx * width + own;
      """;

  /** All numbers are read before the first one is written: no load waits for a store. */
  private static final String ADDED =
      """
          EACH_PAIR READ_PAIR(y, base + i, c#, d#);
          EACH v# = %1$s;
          EACH x.set(base + i, v#);
          REST x.set(base + i, %2$s);
      """;

  private static final String STATISTICS =
      """
          float sum = 0f;
          EACH sum += v#;
          REST sum += x.get(base + i);
          TOTAL(total, sum, 0)
          float mean = total / width;
          float squares = 0f;
          EACH float difference = v# - mean; squares += difference * difference;
          REST float difference = x.get(base + i) - mean; squares += difference * difference;
          TOTAL(deviation, squares, 1)
          float inverse = 1f / TornadoMath.sqrt(deviation / width + eps);
      """;

  private static final String PUT =
      """
          EACH float it = v#; v# = $1;
          EACH_PAIR WRITE_PAIR(out, base + i, a#, b#);
          REST float it = x.get(base + i); WRITE(out, base + i, $1);
      """;

  /** What any device has. */
  private static final String LOCAL_TOTAL =
      """
          sums[$3 * THREADS + thread] = $2;
          for (int stride = threads / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (thread < stride) {
              sums[$3 * THREADS + thread] += sums[$3 * THREADS + thread + stride];
            }
          }
          context.localBarrier();
          float $1 = sums[$3 * THREADS];
      """;

  /** Within warps by exchanges, and then over the warps of the group. */
  private static final String WARP_TOTAL =
      """
          float $1 = context.simdSum($2);
          if ((thread & 31) == 0) {
            sums[$3 * 8 + (thread >> 5)] = $1;
          }
          context.localBarrier();
          $1 = sums[$3 * 8] + sums[$3 * 8 + 1];
          if (threads > 64) {
            $1 += sums[$3 * 8 + 2] + sums[$3 * 8 + 3];
          }
          if (threads > 128) {
            $1 += sums[$3 * 8 + 4] + sums[$3 * 8 + 5] + (sums[$3 * 8 + 6] + sums[$3 * 8 + 7]);
          }
      """;

  /** Of all heads of the warps at once. */
  private static final String LOCAL_LANES =
      """
          EACH_HEAD sums[# * THREADS + thread] = part#;
          for (int stride = 16; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
              EACH_HEAD sums[# * THREADS + thread] += sums[# * THREADS + thread + stride];
            }
          }
          context.localBarrier();
          EACH_HEAD float $1# = sums[# * THREADS + thread - lane];
          context.localBarrier();
      """;

  private static final String WARP_LANES = "EACH_HEAD float $1# = context.simdSum(part#);\n";

  /** What kernels on heads begin with. Heads behind the last one are read as that one. */
  private static final String HEADS_OF_WARP =
      """
          GROUP(THREADS)
          int lane = thread & 31;
          int pairs = headDim / 2;
          int first = context.groupIdx * RowThreads.HEADS + thread / 32 * HEADS_COUNT;
          EACH_HEAD int head# = first + #;
          EACH_HEAD if (head# >= all) { head# = all - 1; }
          EACH_HEAD int base# = head# * headDim;
      """;

  /** What heads of one token share is computed once. */
  private static final String TOKENS =
      """
          EACH_HEAD int of# = head#;
          EACH_HEAD if (heads % HEADS_COUNT == 0) { of# = head0; }
          EACH_HEAD int token# = of# / heads;
      """;

  private static final String PLACE =
      """
      int frame = $1 / (rows * columns);
      int patch = $1 % (rows * columns);
      int line = patch / columns;
      int column = patch % columns;""";

  /** Pairs of a head are the frame's, then the row's, then the column's. */
  private static final String TURN =
      """
      int angle = frame * framePairs + $3;
      if ($3 >= framePairs) {
        angle = frames * framePairs + line * rowPairs + $3 - framePairs;
      }
      if ($3 >= framePairs + rowPairs) {
        angle = frames * framePairs + rows * rowPairs
            + column * (headDim / 2 - framePairs - rowPairs) + $3 - framePairs - rowPairs;
      }
      float cosine = turns.get(2 * angle);
      float sine = turns.get(2 * angle + 1);
      float rotated = $1 * cosine - $2 * sine;
      $2 = $1 * sine + $2 * cosine;
      $1 = rotated;""";

  /**
   * A type of activations.
   *
   * @param name that the class begins with
   * @param array the array type
   * @param read an element of array 1 at index 2
   * @param write value 3 there
   * @param readPair the elements of array 1 at index 2 and behind it, into variables 3 and 4
   * @param writePair values 3 and 4 there
   * @param warps whether the threads of a warp exchange numbers without local memory
   * @param imports what a template does not import itself
   */
  private record Type(
      String name,
      String array,
      String read,
      String write,
      String readPair,
      String writePair,
      boolean warps,
      List<String> imports) {}

  private static final String READ_BOTH = "$3 = READ($1, $2); $4 = READ($1, $2 + 1);";

  private static final String WRITE_BOTH = "WRITE($1, $2, $3);\nWRITE($1, $2 + 1, $4);";

  private static final Type FLOAT =
      new Type(
          "Float",
          "FloatArray",
          "$1.get($2)",
          "$1.set($2, $3)",
          READ_BOTH,
          WRITE_BOTH,
          false,
          List.of());

  private static final String FIRST_IMPORT = "import uk.ac.manchester.tornado.api.KernelContext;\n";

  private static final List<Type> TYPES =
      List.of(
          FLOAT,
          new Type(
              "Half",
              "HalfFloatArray",
              "$1.get($2).getFloat32()",
              "$1.set($2, new HalfFloat($3))",
              "Half2 both = $1.getHalf2($2); $3 = Half2.lowFloat(both); $4 = Half2.highFloat(both);",
              "$1.setHalf2($2, Half2.fromFloats($3, $4));",
              true,
              List.of("vectors.Half2")),
          // The bits of bf16: TornadoVM 5.2.0 stores the bits of a short in arrays of shorts alone.
          new Type(
              "Bf16",
              "ShortArray",
              "BFloat16.bf16ToFloat($1.get($2))",
              "$1.set($2, BFloat16.bf16FromFloat($3))",
              READ_BOTH,
              WRITE_BOTH,
              true,
              List.of("BFloat16", "arrays.ShortArray")));

  private KernelTemplate() {}

  /**
   * Writes the classes.
   *
   * @param sources the folder of generated sources
   * @param name what their names end with
   * @param floatOnly kernels of the float32 class alone
   */
  static void write(Path sources, String name, String template, String floatOnly)
      throws IOException {
    Path folder = sources.resolve("org/lvsa/kernels/tornado");
    Files.createDirectories(folder);
    for (Type type : TYPES) {
      String text = filled(template.replace("EXTRA", type == FLOAT ? floatOnly : ""), type);
      text = text.replace("CLASS", type.name() + name).replace("ARRAY", type.array());
      for (String imported : type.imports()) {
        String line = "import uk.ac.manchester.tornado.api.types.%s;\n".formatted(imported);
        text = text.replace(FIRST_IMPORT, FIRST_IMPORT + line);
      }
      Files.writeString(folder.resolve(type.name() + name + ".java"), text);
    }
  }

  /** A text with everything written out but the names of class and array. */
  private static String filled(String template, Type type) {
    String text = template;
    text = statements(text, "ADD", KernelTemplate::added);
    text = lines(text, "STATISTICS", STATISTICS);
    text = lines(text, "PUT\\((.*)\\)", PUT);
    text = lines(text, "ROW", ROW + declared(HELD, "a%d", "b%d", "c%d", "d%d"));
    text = lines(text, "HEADS_OF_WARP", HEADS_OF_WARP + ofHeads("a") + ofHeads("b"));
    text = lines(text, "TOKENS", TOKENS);
    text = lines(text, "GROUP\\((.*)\\)", GROUP);
    text = lines(text, "TOTAL\\((.*), (.*), (.*)\\)", type.warps() ? WARP_TOTAL : LOCAL_TOTAL);
    text = lines(text, "LANES\\((.*)\\)", type.warps() ? WARP_LANES : LOCAL_LANES);
    text = statements(text, "REST", KernelTemplate::rest);
    text = statements(text, "EACH", statement -> each(both(statement)));
    text = statements(text, "EACH_PAIR", KernelTemplate::each);
    text = statements(text, "EACH_HEAD", statement -> repeated(HEADS, "#", statement + "\n"));
    text = statements(text, "EACH_HEAD_PAIR", KernelTemplate::eachHeadPair);
    text = text.replaceAll("PLACE\\((\\w+)\\)", PLACE);
    text = text.replaceAll("TURN\\((\\w+), (\\w+), (\\w+)\\)", TURN);
    text = text.replaceAll("READ_PAIR\\((\\w+), ([^,]*), (\\w+), (\\w+)\\);", type.readPair());
    text = text.replaceAll("WRITE_PAIR\\((\\w+), ([^,]*), (\\w+), (\\w+)\\);", type.writePair());
    text = text.replaceAll("READ\\((\\w+), ([^()]*)\\)", type.read());
    text = text.replaceAll("WRITE\\((\\w+), ([^,]*), (.*)\\);", type.write() + ";");
    return text.replace("ROOM", type.warps() ? "16" : HEADS + " * THREADS")
        .replace("HEADS_COUNT", Integer.toString(HEADS))
        .replace("PAIRS_HELD", Integer.toString(HELD));
  }

  /** Writes a macro's text in place of the lines that consist of it. */
  private static String lines(String text, String macro, String by) {
    return text.replaceAll("(?m)^ *" + macro + "\\n", by);
  }

  /**
   * Writes what becomes of the statement behind a macro's name in place of both. The statement is
   * the rest of the line, or several lines in braces.
   */
  private static String statements(String text, String macro, UnaryOperator<String> written) {
    String blocks =
        Pattern.compile("(?ms)^( *)" + macro + " \\{\\n(.*?)^\\1\\}\\n")
            .matcher(text)
            .replaceAll(match -> Matcher.quoteReplacement(written.apply(match.group(2))));
    return Pattern.compile("(?m)^ *" + macro + " (.*)\\n")
        .matcher(blocks)
        .replaceAll(match -> Matcher.quoteReplacement(written.apply(match.group(1))));
  }

  /** Variables of float32 with their numbers. */
  private static String declared(int count, String... names) {
    StringBuilder lines = new StringBuilder();
    for (String name : names) {
      for (int i = 0; i < count; i++) {
        lines.append("    float %s = 0f;\n".formatted(name.formatted(i)));
      }
    }
    return lines.toString();
  }

  /** A float32 for each pair of each head that a lane holds. */
  private static String ofHeads(String name) {
    String one = repeated(LANE_PAIRS, "@", "    float " + name + "#_@ = 0f;\n");
    return repeated(HEADS, "#", one);
  }

  /** A text as often, with the number in place of a mark. */
  private static String repeated(int count, String mark, String text) {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < count; i++) {
      all.append(text.replace(mark, Integer.toString(i)));
    }
    return all.toString();
  }

  /** A sum with {@code y} that goes to {@code x}. */
  private static String added(String value) {
    return ADDED.formatted(value.replace("Y", "w#"), value.replace("Y", "READ(y, base + i)"));
  }

  /** A statement for the two numbers of a pair; {@code w#} is that of another row. */
  private static String both(String statement) {
    String first = statement.replace("v#", "a#").replace("w#", "c#");
    return "{ " + first + " }\n{ " + second(statement.replace("v#", "b#").replace("w#", "d#")) + " }";
  }

  /** The same statement for the next number. */
  private static String second(String statement) {
    return statement.replaceAll("\\bi\\b", "i + 1");
  }

  /** A statement for each pair that a thread holds. */
  private static String each(String statement) {
    String one =
        """
            if (held > # && (full > # || thread + # * threads < width / 2)) {
              int i = 2 * # * threads;
              %s
            }
        """;
    return repeated(HELD, "#", one.formatted(statement));
  }

  /**
   * A statement for each number that a thread does not hold. Where it holds all, the loop's condition
   * is a constant, and TornadoVM leaves it out: nvcc would unroll it and give it registers.
   */
  private static String rest(String statement) {
    return """
            for (int i = 2 * PAIRS_HELD * threads; held > PAIRS_HELD && own + i < width; i += 2 * threads) {
              { %s }
              { %s }
            }
        """
        .formatted(statement, second(statement));
  }

  /** A statement for each pair of each head that a lane holds. */
  private static String eachHeadPair(String statement) {
    String one =
        """
            if (32 * @ < pairs && (32 * @ + 32 <= pairs || lane + 32 * @ < pairs)) {
              int p = lane + 32 * @;
              %s
            }
        """;
    return repeated(HEADS, "#", repeated(LANE_PAIRS, "@", one.formatted(statement)));
  }
}
