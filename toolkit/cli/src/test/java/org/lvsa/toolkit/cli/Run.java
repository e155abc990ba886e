// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;
import picocli.CommandLine;

/**
 * A call of the command line, and what came of it.
 *
 * @param code exit code
 * @param out standard output
 * @param err standard error
 */
public record Run(int code, String out, String err) {
  /** Runs {@code lvsa} with these arguments, in this JVM. */
  public static Run lvsa(Object... arguments) {
    return with(System.getenv(), arguments);
  }

  /** Runs {@code lvsa} with these environment variables and arguments, in this JVM. */
  public static Run with(Map<String, String> environment, Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command =
        Lvsa.commandLine(environment)
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true));
    String[] words = new String[arguments.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = arguments[i].toString();
    }
    int code = command.execute(words);
    return new Run(code, out.toString(), err.toString());
  }
}
