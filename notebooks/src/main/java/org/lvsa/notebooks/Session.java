// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import java.io.File;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import jdk.jshell.Diag;
import jdk.jshell.EvalException;
import jdk.jshell.JShell;
import jdk.jshell.JShellException;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;
import jdk.jshell.UnresolvedReferenceException;
import jdk.jshell.VarSnippet;
import org.lvsa.toolkit.backend.KernelSource;

/**
 * Evaluates cells, in this JVM, with everything on its class path. {@code %jars GLOB} and {@code
 * %classpath PATH}, magics that JJava has too, add to it.
 */
public final class Session implements AutoCloseable {
  /**
   * What a cell need not import: the same packages as in JJava, so that a notebook runs in both.
   */
  static final List<String> DEFAULT_IMPORTS =
      List.of(
          "java.util",
          "java.io",
          "java.math",
          "java.net",
          "java.time",
          "java.util.concurrent",
          "java.util.prefs",
          "java.util.regex");

  /** How often a cell that is to end is told so. */
  private static final Duration BETWEEN_STOPS = Duration.ofMillis(20);

  private final JShell shell;
  private final SourceCodeAnalysis analysis;

  /**
   * Guards {@link #running}, so that a stop never strikes the cell after the one it is meant for.
   */
  private final Object cells = new Object();

  private Optional<Cell> running = Optional.empty();

  /** Line of the cell at which a snippet begins, by the snippet's id. */
  private final Map<String, Integer> firstLines = new HashMap<>();

  /**
   * Starts JShell. Cells are compiled with the names of their local variables, so that TornadoVM
   * can compile a kernel of a class that a cell declares, and see TornadoVM's API if this JVM does.
   */
  public Session() {
    List<String> options = new ArrayList<>(List.of("-g", "-Xlint:none"));
    String modules = "jdk.incubator.vector";
    if (KernelSource.seesTornado()) {
      options.addAll(List.of("--module-path", System.getProperty("jdk.module.path", "")));
      modules += ",tornado.api";
    }
    options.addAll(List.of("--add-modules", modules));
    shell =
        JShell.builder()
            .executionEngine("local")
            .compilerOptions(options.toArray(String[]::new))
            .build();
    analysis = shell.sourceCodeAnalysis();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      shell.addToClasspath(entry);
    }
    DEFAULT_IMPORTS.forEach(name -> run("import " + name + ".*;"));
    run("void display(Object value) { org.lvsa.notebooks.Values.display(value); }");
  }

  /**
   * Runs a cell.
   *
   * @return the value of its last expression, if it ends with one
   * @throws CellError if it does not compile, throws, or is interrupted
   */
  public Optional<Object> evaluate(String cell) {
    Cell begun = new Cell();
    setRunning(Optional.of(begun));
    try {
      return evaluate(cell, begun);
    } finally {
      setRunning(Optional.empty());
    }
  }

  private void setRunning(Optional<Cell> cell) {
    synchronized (cells) {
      running = cell;
    }
  }

  private Optional<Object> evaluate(String cell, Cell begun) {
    firstLines.clear();
    String code = withoutMagics(cell);
    String rest = code;
    Optional<Object> value = Optional.empty();
    while (!rest.isBlank()) {
      CompletionInfo next = analysis.analyzeCompletion(rest);
      int start = code.length() - rest.length();
      start += rest.length() - rest.stripLeading().length();
      int line = 1 + (int) code.substring(0, start).chars().filter(c -> c == '\n').count();
      if (next.completeness() == SourceCodeAnalysis.Completeness.DEFINITELY_INCOMPLETE) {
        throw new CellError(List.of("line " + line + ": the cell ends before this is complete"));
      }
      // Without what stands before it, so that its lines count from the line just found.
      String source = (next.source() == null ? rest : next.source()).stripLeading();
      value = Optional.empty();
      for (SnippetEvent event : shell.eval(source)) {
        if (event.causeSnippet() == null) {
          firstLines.put(event.snippet().id(), line);
          check(event, line);
          value = valueOf(event.snippet(), event.value());
        }
      }
      begun.requireNotInterrupted(line);
      rest = next.remaining() == null ? "" : next.remaining();
    }
    return value;
  }

  /** A cell from its begin to its end. */
  private static final class Cell {
    private volatile boolean isInterrupted;

    void requireNotInterrupted(int line) {
      if (isInterrupted) {
        throw new CellError(List.of("line " + line + ": interrupted"));
      }
    }
  }

  private Optional<Object> valueOf(Snippet snippet, String text) {
    String name =
        switch (snippet) {
          case jdk.jshell.ExpressionSnippet expression -> expression.name();
          case VarSnippet variable
              when variable.subKind() == Snippet.SubKind.TEMP_VAR_EXPRESSION_SUBKIND ->
              variable.name();
          default -> "";
        };
    if (name.isEmpty() || text == null) {
      return Optional.empty();
    }
    run("org.lvsa.notebooks.Values.keep(" + name + ")");
    return Optional.ofNullable(Values.take());
  }

  private void run(String source) {
    for (SnippetEvent event : shell.eval(source)) {
      check(event, 1);
    }
  }

  private void check(SnippetEvent event, int line) {
    if (event.status() == Snippet.Status.REJECTED) {
      List<String> lines = new ArrayList<>();
      String source = event.snippet().source();
      shell
          .diagnostics(event.snippet())
          .filter(Diag::isError)
          .forEach(
              diagnostic -> {
                int at = Math.clamp(diagnostic.getPosition(), 0, source.length());
                int below = (int) source.substring(0, at).chars().filter(c -> c == '\n').count();
                lines.add("line " + (line + below) + ": " + diagnostic.getMessage(Locale.ROOT));
                source.lines().skip(below).findFirst().ifPresent(lines::add);
              });
      throw new CellError(lines);
    }
    JShellException exception = event.exception();
    switch (exception) {
      case null -> {}
      case EvalException thrown -> throw new CellError(describe(thrown));
      case UnresolvedReferenceException unresolved ->
          throw new CellError(
              List.of("line " + line + ": " + unresolved.getMessage() + " is not defined yet"));
      default -> throw new CellError(List.of("line " + line + ": " + exception));
    }
  }

  private List<String> describe(EvalException thrown) {
    List<String> lines = new ArrayList<>();
    String message = thrown.getMessage() == null ? "" : ": " + thrown.getMessage();
    lines.add(thrown.getExceptionClassName() + message);
    for (StackTraceElement element : thrown.getStackTrace()) {
      // JShell names the "file" of a snippet after its id.
      String file = element.getFileName();
      if (file != null && file.startsWith("#") && firstLines.containsKey(file.substring(1))) {
        int first = firstLines.get(file.substring(1));
        lines.add("    at line " + (first + element.getLineNumber() - 1) + " of the cell");
      } else if (!element.getClassName().startsWith("jdk.")) {
        lines.add("    at " + element);
      }
    }
    return lines;
  }

  private String withoutMagics(String cell) {
    StringBuilder code = new StringBuilder();
    for (String line : cell.split("\n", -1)) {
      if (line.startsWith("%")) {
        magic(line.substring(1).strip());
      } else {
        code.append(line);
      }
      // The line stays, empty, so that the others keep their numbers.
      code.append('\n');
    }
    return code.toString();
  }

  private void magic(String line) {
    String[] words = line.split("\\s+", 2);
    if (words.length < 2 || !words[0].equals("jars") && !words[0].equals("classpath")) {
      throw new CellError(
          List.of("unknown magic %" + line + ", there are %jars GLOB and %classpath PATH"));
    }
    Path pattern = Path.of(words[1]);
    if (!words[1].contains("*")) {
      shell.addToClasspath(words[1]);
      return;
    }
    Path directory = pattern.getParent() == null ? Path.of(".") : pattern.getParent();
    if (!Files.isDirectory(directory)) {
      throw new CellError(List.of("%" + line + ": there is no directory " + directory));
    }
    try (DirectoryStream<Path> jars =
        Files.newDirectoryStream(directory, pattern.getFileName().toString())) {
      jars.forEach(jar -> shell.addToClasspath(jar.toString()));
    } catch (IOException e) {
      throw new CellError(List.of("%" + line + ": " + e.getMessage()));
    }
  }

  /** What could stand at a position, and where it would begin. */
  public record Completions(List<String> names, int begin) {}

  /** Completions of the code at {@code cursor}. */
  public Completions complete(String code, int cursor) {
    int[] anchor = new int[1];
    TreeSet<String> names = new TreeSet<>();
    // JShell completes the last snippet alone.
    int begin = 0;
    while (true) {
      CompletionInfo next = analysis.analyzeCompletion(code.substring(begin, cursor));
      String remaining = next.remaining();
      if (remaining == null
          || remaining.isBlank()
          || remaining.length() >= cursor - begin
          || !next.completeness().isComplete()) {
        break;
      }
      begin = cursor - remaining.length();
    }
    analysis
        .completionSuggestions(code.substring(begin, cursor), cursor - begin, anchor)
        .forEach(suggestion -> names.add(suggestion.continuation()));
    return new Completions(List.copyOf(names), begin + anchor[0]);
  }

  /** Signatures of what stands at {@code cursor}. */
  public List<String> documentation(String code, int cursor) {
    return analysis.documentation(code, cursor, false).stream()
        .map(SourceCodeAnalysis.Documentation::signature)
        .toList();
  }

  /** Whether a cell can run as it stands. */
  public boolean isComplete(String code) {
    return analysis.analyzeCompletion(code).completeness()
        != SourceCodeAnalysis.Completeness.DEFINITELY_INCOMPLETE;
  }

  /**
   * Stops the cell that runs, if one does. JShell passes a stop over while it compiles, so the cell
   * is told again until it ends.
   */
  public void interrupt() {
    Optional<Cell> meant;
    synchronized (cells) {
      meant = running;
    }
    meant.ifPresent(
        cell -> {
          cell.isInterrupted = true;
          Thread.ofPlatform().daemon().name("interrupt").start(() -> stop(meant));
        });
  }

  private void stop(Optional<Cell> meant) {
    while (true) {
      synchronized (cells) {
        if (!running.equals(meant)) {
          return;
        }
        shell.stop();
      }
      LockSupport.parkNanos(BETWEEN_STOPS.toNanos());
    }
  }

  @Override
  public void close() {
    shell.close();
  }
}
