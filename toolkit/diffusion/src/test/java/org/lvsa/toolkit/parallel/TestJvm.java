// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Another JVM with the tests' class path, for ranks that are processes. */
public final class TestJvm {
  private TestJvm() {}

  /** Runs a class's main method with arguments. */
  public static ProcessBuilder of(Class<?> main, Object... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-cp"));
    command.addAll(List.of(System.getProperty("java.class.path"), main.getName()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return new ProcessBuilder(command);
  }
}
