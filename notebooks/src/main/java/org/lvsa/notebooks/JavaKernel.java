// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.List;
import org.dflib.jjava.jupyter.channels.JupyterConnection;
import org.dflib.jjava.jupyter.kernel.BaseKernel;
import org.dflib.jjava.jupyter.kernel.JupyterIO;
import org.dflib.jjava.jupyter.kernel.KernelConnectionProperties;
import org.dflib.jjava.jupyter.kernel.LanguageInfo;
import org.dflib.jjava.jupyter.kernel.ReplacementOptions;
import org.dflib.jjava.jupyter.kernel.comm.CommManager;
import org.dflib.jjava.jupyter.kernel.display.DisplayData;
import org.dflib.jjava.jupyter.kernel.display.Renderer;
import org.dflib.jjava.jupyter.kernel.magic.MagicParser;
import org.dflib.jjava.jupyter.kernel.magic.MagicTranspiler;
import org.dflib.jjava.jupyter.kernel.magic.MagicsRegistry;
import org.dflib.jjava.jupyter.kernel.util.StringStyler;

/** A {@link Session} that Jupyter talks to. */
final class JavaKernel extends BaseKernel {
  private final Session session = new Session();

  JavaKernel() {
    super(
        "Java (LVSA)",
        "1",
        new LanguageInfo(
            "Java",
            Runtime.version().toString(),
            "text/x-java-source",
            ".jshell",
            "java",
            "java",
            "script"),
        List.of(),
        null,
        new JupyterIO(StandardCharsets.UTF_8),
        new CommManager(),
        new Renderer(),
        new MagicParser("(?<=(?:^|=))\\s*%", "%%", new MagicTranspiler()),
        new MagicsRegistry(),
        false,
        new StringStyler.Builder().withLinePrefix("").build());
    Values.screen(value -> display(Rendered.of(value)));
  }

  /** Serves Jupyter until it says goodbye. */
  static void serve(Path connectionFile) throws IOException, GeneralSecurityException {
    JupyterConnection connection =
        new JupyterConnection(KernelConnectionProperties.parse(Files.readString(connectionFile)));
    JavaKernel kernel = new JavaKernel();
    kernel.becomeHandlerForConnection(connection);
    connection.connect();
    connection.waitUntilClose();
  }

  @Override
  public Object evalRaw(String cell) {
    return session.evaluate(cell).orElse(null);
  }

  @Override
  public DisplayData eval(String cell) {
    return session.evaluate(cell).map(Rendered::of).orElse(null);
  }

  @Override
  public List<String> formatError(Throwable error) {
    return error instanceof CellError cell ? cell.lines() : List.of(error.toString());
  }

  @Override
  public DisplayData inspect(String code, int cursor, boolean extended) {
    List<String> signatures = session.documentation(code, cursor);
    return signatures.isEmpty() ? null : new DisplayData(String.join("\n", signatures));
  }

  @Override
  public ReplacementOptions complete(String code, int cursor) {
    Session.Completions found = session.complete(code, cursor);
    return new ReplacementOptions(found.names(), found.begin(), cursor);
  }

  @Override
  public String isComplete(String code) {
    return session.isComplete(code) ? IS_COMPLETE_YES : IS_COMPLETE_MAYBE;
  }

  @Override
  public void interrupt() {
    session.interrupt();
  }

  @Override
  public void onShutdown(boolean restarting) {
    session.close();
  }
}
