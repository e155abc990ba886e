// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.lvsa.toolkit.io.Messages;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lvsa notebook}. */
@Command(
    name = "lvsa notebook",
    mixinStandardHelpOptions = true,
    description =
        "Starts Jupyter with a kernel for Java in which the toolkit is on the class path.",
    footer = {
      "",
      "Examples:",
      "  ./lvsa notebook                        # installs the kernel and opens notebooks/",
      "  ./lvsa notebook --install-kernel       # only installs it, for a Jupyter that runs",
      "  ./lvsa notebook --execute notebooks/1-pattern.ipynb"
    })
public final class NotebookMain implements Callable<Integer> {
  private static final String KERNEL = "lvsa-java";

  @Option(names = "--install-kernel", description = "only install the kernelspec")
  private boolean installOnly;

  @Option(
      names = "--execute",
      description = "run notebooks with nbconvert and keep their outputs in them")
  private boolean execute;

  @Option(names = "--connect", hidden = true)
  private Path connectionFile;

  @Parameters(description = "notebooks for --execute, arguments of jupyter otherwise")
  private List<String> arguments = List.of();

  /** For picocli. */
  public NotebookMain() {}

  /** The command line. */
  public static void main(String[] arguments) {
    CommandLine line = new CommandLine(new NotebookMain());
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          System.err.println(
              "lvsa: " + Messages.oneLine(e.getMessage() == null ? e.toString() : e.getMessage()));
          return e instanceof IllegalArgumentException ? 2 : 1;
        });
    line.setParameterExceptionHandler(
        (e, typed) -> {
          System.err.println("lvsa: " + Messages.cut(e.getMessage()));
          System.err.println("See './lvsa notebook --help'.");
          return 2;
        });
    int code = line.execute(arguments);
    if (code == 0 && System.out.checkError()) {
      System.err.println("lvsa: cannot write to standard output");
      code = 1;
    }
    System.exit(code);
  }

  @Override
  public Integer call() throws Exception {
    if (connectionFile != null) {
      JavaKernel.serve(connectionFile);
      return 0;
    }
    Path installed = install();
    if (installOnly) {
      System.out.println(installed);
      return 0;
    }
    List<String> jupyter = new ArrayList<>(List.of("jupyter"));
    if (execute) {
      if (arguments.isEmpty()) {
        throw new IllegalArgumentException("--execute needs notebooks");
      }
      // Judged before anything is started, which would take a minute to say so.
      arguments.forEach(notebook -> NotebookFile.read(Path.of(notebook)));
      jupyter.addAll(
          List.of(
              "nbconvert",
              "--to",
              "notebook",
              "--execute",
              "--inplace",
              "--ExecutePreprocessor.kernel_name=" + KERNEL,
              "--ExecutePreprocessor.timeout=600"));
    } else {
      jupyter.addAll(List.of("notebook", "--MultiKernelManager.default_kernel_name=" + KERNEL));
    }
    jupyter.addAll(arguments);
    if (!execute && arguments.isEmpty()) {
      jupyter.add(System.getProperty("lvsa.home", ".") + "/notebooks");
    }
    int code = run(jupyter);
    if (execute && code == 0) {
      for (String notebook : arguments) {
        NotebookFile.read(Path.of(notebook)).stamp();
      }
    }
    return code;
  }

  private static int run(List<String> command) throws InterruptedException {
    try {
      return new ProcessBuilder(command).inheritIO().start().waitFor();
    } catch (IOException e) {
      System.err.println(
          "lvsa: jupyter is not installed here (Debian: apt install jupyter-notebook"
              + " jupyter-nbconvert; the kernel itself is installed)");
      return 3;
    }
  }

  /** Writes the kernelspec: this JVM, with the flags and the class path that it has. */
  static Path install() throws IOException {
    Path spec = dataDirectory().resolve("kernels").resolve(KERNEL);
    Files.createDirectories(spec);
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            NotebookMain.class.getName(),
            "--connect",
            "{connection_file}"));
    Map<String, Object> kernel = new LinkedHashMap<>();
    kernel.put("argv", command);
    kernel.put("display_name", "Java (LVSA)");
    kernel.put("language", "java");
    kernel.put("interrupt_mode", "message");
    Path file = spec.resolve("kernel.json");
    Files.writeString(
        file, new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(kernel));
    return file;
  }

  private static Path dataDirectory() {
    String chosen = System.getenv("JUPYTER_DATA_DIR");
    if (chosen != null) {
      return Path.of(chosen);
    }
    Path home = Path.of(System.getProperty("user.home"));
    return System.getProperty("os.name").startsWith("Mac")
        ? home.resolve("Library/Jupyter")
        : home.resolve(".local/share/jupyter");
  }
}
