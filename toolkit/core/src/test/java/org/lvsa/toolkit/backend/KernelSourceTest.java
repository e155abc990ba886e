// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.MethodModel;
import java.lang.reflect.AccessFlag;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionShape;

class KernelSourceTest {
  private static final String TOKENS =
      """
      import java.util.function.ToIntFunction;
      import org.lvsa.kernels.AttentionShape;

      public final class Tokens implements ToIntFunction<AttentionShape> {
        record Pair(int left, int right) {}

        public int applyAsInt(AttentionShape shape) {
          Pair counted = new Pair(shape.videoTokens(), shape.textTokens());
          return counted.left() + counted.right();
        }
      }
      """;

  @Test
  void theClassSeesTheKernels() throws ReflectiveOperationException {
    @SuppressWarnings("unchecked")
    ToIntFunction<AttentionShape> tokens =
        (ToIntFunction<AttentionShape>) KernelSource.compile(TOKENS).getConstructor().newInstance();
    assertEquals(23, tokens.applyAsInt(new AttentionShape(1, 2, 10, 3, 1, 1, 8)));
  }

  /** What TornadoVM needs: names of local variables, in a class file that the loader hands out. */
  @Test
  void theClassFileHasTheNamesOfLocalVariables() throws IOException {
    Class<?> tokens = KernelSource.compile(TOKENS);
    try (InputStream file = tokens.getClassLoader().getResourceAsStream("Tokens.class")) {
      MethodModel method =
          ClassFile.of().parse(file.readAllBytes()).methods().stream()
              .filter(
                  one ->
                      one.methodName().equalsString("applyAsInt")
                          && !one.flags().has(AccessFlag.SYNTHETIC))
              .findFirst()
              .orElseThrow();
      assertTrue(
          method
              .findAttribute(Attributes.code())
              .flatMap(code -> code.findAttribute(Attributes.localVariableTable()))
              .orElseThrow()
              .localVariables()
              .stream()
              .anyMatch(variable -> variable.name().equalsString("counted")));
    }
  }

  @Test
  void whatDoesNotCompileNamesItsLine() {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> KernelSource.compile("class A {\n  int a = missing;\n}"))
            .getMessage();
    assertTrue(message.startsWith("line 2: cannot find symbol"), message);
    assertFalse(message.contains("\n"), message);
    assertEquals(
        "the text declares no class",
        assertThrows(IllegalArgumentException.class, () -> KernelSource.compile("int a = 1;"))
            .getMessage());
  }
}
