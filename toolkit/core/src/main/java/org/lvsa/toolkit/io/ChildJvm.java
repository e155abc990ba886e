// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How another JVM like this one is started. */
public final class ChildJvm {
  private ChildJvm() {}

  /** A command line with this JVM's executable, flags and class path. */
  public static List<String> command(String mainClass, List<String> arguments) {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), mainClass));
    line.addAll(arguments);
    return line;
  }
}
