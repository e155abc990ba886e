// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.backend;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.lvsa.kernels.AttentionKernel;

/**
 * A class given as text, compiled while the program runs: a kernel in a cell of a notebook, which
 * has to work where no TornadoVM SDK is and its API's classes are missing. The class sees the
 * toolkit's kernels and, if this JVM has it, TornadoVM's API. It has the names of its local
 * variables, without which TornadoVM cannot compile a kernel, and its class file can be read from
 * its own loader.
 */
public final class KernelSource {
  private static final String API = "tornado.api";
  private static final Pattern NAME = Pattern.compile("\\b(?:class|record|interface)\\s+(\\w+)");

  private KernelSource() {}

  /** Whether this JVM has TornadoVM's API, so that a kernel can refer to it. */
  public static boolean seesTornado() {
    return ModuleLayer.boot().findModule(API).isPresent();
  }

  /**
   * Compiles a class without a package, the first one that the text declares, and loads it.
   *
   * @throws IllegalArgumentException if it does not compile; the message has the first error and
   *     its line
   * @throws IllegalStateException if this JVM has no compiler
   */
  public static Class<?> compile(String source) {
    Matcher name = NAME.matcher(source);
    if (!name.find()) {
      throw new IllegalArgumentException("the text declares no class");
    }
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    if (compiler == null) {
      throw new IllegalStateException("this JVM has no compiler: it takes a JDK, not a JRE");
    }
    DiagnosticCollector<JavaFileObject> errors = new DiagnosticCollector<>();
    Map<String, ByteArrayOutputStream> classes = new HashMap<>();
    try (StandardJavaFileManager standard =
            compiler.getStandardFileManager(errors, Locale.ROOT, null);
        JavaFileManager files = keeping(standard, classes)) {
      boolean compiled =
          compiler
              .getTask(null, files, errors, options(), null, List.of(text(name.group(1), source)))
              .call();
      if (!compiled) {
        throw new IllegalArgumentException(first(errors));
      }
    } catch (IOException e) {
      throw new IllegalStateException("the compiler's files do not close", e);
    }
    try {
      return new Loader(classes).loadClass(name.group(1));
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> options() {
    List<String> options = new ArrayList<>(List.of("-g", "-proc:none", "-classpath"));
    List<String> path = new ArrayList<>(List.of(System.getProperty("java.class.path")));
    // A notebook's kernel may have put the toolkit's jars on a class path of its own.
    Optional.ofNullable(AttentionKernel.class.getProtectionDomain().getCodeSource())
        .map(code -> code.getLocation())
        .ifPresent(
            location -> {
              try {
                path.add(Path.of(location.toURI()).toString());
              } catch (URISyntaxException e) {
                throw new IllegalStateException(e);
              }
            });
    options.add(String.join(File.pathSeparator, path));
    if (seesTornado()) {
      options.addAll(List.of("--module-path", apiFolders(), "--add-modules", API));
    }
    return options;
  }

  /** The folders of the module path that hold TornadoVM's API. */
  private static String apiFolders() {
    String path = System.getProperty("jdk.module.path", "");
    return Arrays.stream(path.split(File.pathSeparator))
        .filter(entry -> holdsApi(Path.of(entry)))
        .collect(Collectors.joining(File.pathSeparator));
  }

  private static boolean holdsApi(Path folder) {
    if (!Files.isDirectory(folder)) {
      return false;
    }
    try (DirectoryStream<Path> jars = Files.newDirectoryStream(folder, "tornado-api-*.jar")) {
      return jars.iterator().hasNext();
    } catch (IOException e) {
      return false;
    }
  }

  private static JavaFileObject text(String name, String source) {
    return new SimpleJavaFileObject(
        URI.create("string:///" + name + JavaFileObject.Kind.SOURCE.extension),
        JavaFileObject.Kind.SOURCE) {
      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return source;
      }
    };
  }

  private static JavaFileManager keeping(
      JavaFileManager files, Map<String, ByteArrayOutputStream> classes) {
    return new ForwardingJavaFileManager<>(files) {
      @Override
      public JavaFileObject getJavaFileForOutput(
          Location location, String className, JavaFileObject.Kind kind, FileObject sibling) {
        return new SimpleJavaFileObject(URI.create("string:///" + className), kind) {
          @Override
          public OutputStream openOutputStream() {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            classes.put(className, bytes);
            return bytes;
          }
        };
      }
    };
  }

  private static String first(DiagnosticCollector<JavaFileObject> errors) {
    return errors.getDiagnostics().stream()
        .filter(one -> one.getKind() == Diagnostic.Kind.ERROR)
        .findFirst()
        .map(
            one ->
                "line "
                    + one.getLineNumber()
                    + ": "
                    + one.getMessage(Locale.ROOT).replaceAll("\\s*\\R\\s*", "; "))
        .orElse("the class does not compile");
  }

  /** Defines the classes, and hands out their class files. */
  private static final class Loader extends ClassLoader {
    private final Map<String, byte[]> files = new HashMap<>();

    Loader(Map<String, ByteArrayOutputStream> classes) {
      super(AttentionKernel.class.getClassLoader());
      classes.forEach((name, bytes) -> files.put(name, bytes.toByteArray()));
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      byte[] bytes = files.get(name);
      if (bytes == null) {
        throw new ClassNotFoundException(name);
      }
      return defineClass(name, bytes, 0, bytes.length);
    }

    @Override
    public InputStream getResourceAsStream(String name) {
      byte[] bytes = files.get(name.replaceFirst("\\.class$", ""));
      return bytes == null ? super.getResourceAsStream(name) : new ByteArrayInputStream(bytes);
    }
  }
}
