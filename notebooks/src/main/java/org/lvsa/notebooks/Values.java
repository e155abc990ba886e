// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import java.util.function.Consumer;

/** How code in a cell hands an object to the kernel: both run in one JVM. */
public final class Values {
  private static Object kept;
  private static Consumer<Object> screen = System.out::println;

  private Values() {}

  /** Called after a cell whose last line is an expression. */
  public static void keep(Object value) {
    kept = value;
  }

  /** Shows an object below the cell; {@code display} in a notebook. */
  public static void display(Object value) {
    screen.accept(value);
  }

  static Object take() {
    Object value = kept;
    kept = null;
    return value;
  }

  static void screen(Consumer<Object> consumer) {
    screen = consumer;
  }
}
