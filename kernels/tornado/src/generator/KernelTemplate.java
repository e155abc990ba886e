// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The text of a class of kernels that is written once for each type of activations. In the text
 * {@code CLASS} and {@code ARRAY} stand for the names of the class and of the array type, {@code
 * READ} and {@code WRITE} for what reads an element as float32 and what writes one, and {@code
 * EXTRA} for kernels of the float32 class alone. Lines with {@code TOTAL}, {@code MEAN} or {@code
 * VARIANCE} stand for sums over the threads of a work-group.
 */
final class KernelTemplate {
  private static final String TOTAL =
      """
          sums[thread] = sum;
          for (int stride = THREADS / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (thread < stride) {
              sums[thread] += sums[thread + stride];
            }
          }
          context.localBarrier();
          float total = sums[0];
      """;

  private static final String MEAN = TOTAL + "    float mean = total / width;\n";

  private static final String VARIANCE =
      """
          float squares = 0f;
          for (int i = thread; i < width; i += THREADS) {
            float difference = x.get(base + i) - mean;
            squares += difference * difference;
          }
          context.localBarrier();
          sums[thread] = squares;
          for (int stride = THREADS / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (thread < stride) {
              sums[thread] += sums[thread + stride];
            }
          }
          context.localBarrier();
          float inverse = 1f / TornadoMath.sqrt(sums[0] / width + eps);
      """;

  /**
   * A type of activations.
   *
   * @param name that the class begins with
   * @param array the array type
   * @param read an element of array 1 at index 2
   * @param write value 3 there
   * @param imports what a template does not import itself
   */
  private record Type(String name, String array, String read, String write, List<String> imports) {}

  private static final Type FLOAT =
      new Type("Float", "FloatArray", "$1.get($2)", "$1.set($2, $3)", List.of());

  private static final String FIRST_IMPORT = "import uk.ac.manchester.tornado.api.KernelContext;\n";

  private static final List<Type> TYPES =
      List.of(
          FLOAT,
          new Type(
              "Half",
              "HalfFloatArray",
              "$1.get($2).getFloat32()",
              "$1.set($2, new HalfFloat($3))",
              List.of()),
          // The bits of bf16: TornadoVM 5.2.0 stores the bits of a short in arrays of shorts alone.
          new Type(
              "Bf16",
              "ShortArray",
              "BFloat16.bf16ToFloat($1.get($2))",
              "$1.set($2, BFloat16.bf16FromFloat($3))",
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
      String text =
          template
              .replace("EXTRA", type == FLOAT ? floatOnly : "")
              .replaceAll("(?m)^ *TOTAL\\n", Matcher.quoteReplacement(TOTAL))
              .replaceAll("(?m)^ *MEAN\\n", Matcher.quoteReplacement(MEAN))
              .replaceAll("(?m)^ *VARIANCE\\n", Matcher.quoteReplacement(VARIANCE))
              .replace("CLASS", type.name() + name)
              .replace("ARRAY", type.array());
      text = Pattern.compile("READ\\((\\w+), ([^()]*)\\)").matcher(text).replaceAll(type.read());
      text =
          Pattern.compile("WRITE\\((\\w+), ([^,]*), (.*)\\);")
              .matcher(text)
              .replaceAll(type.write() + ";");
      for (String imported : type.imports()) {
        String line = "import uk.ac.manchester.tornado.api.types.%s;\n".formatted(imported);
        text = text.replace(FIRST_IMPORT, FIRST_IMPORT + line);
      }
      Files.writeString(folder.resolve(type.name() + name + ".java"), text);
    }
  }
}
