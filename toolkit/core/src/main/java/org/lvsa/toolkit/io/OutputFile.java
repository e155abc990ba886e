// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/**
 * The one writer of output files. An output appears under its name only when it is whole: it is
 * written to a temporary file in the same directory, which is moved into place at the end and
 * removed if anything fails or the process is ended.
 *
 * <p>Only regular files are written or replaced. A symbolic link is followed and stays a link; a
 * device, a pipe, a socket or a directory is refused. A new file has the permissions that the
 * process's umask gives.
 */
public final class OutputFile {
  private static final int LINKS_FOLLOWED = 40;

  /** Longest file name extension that a temporary file keeps, since encoders choose by it. */
  private static final int LONGEST_EXTENSION = 12;

  private static final Set<Path> UNFINISHED = ConcurrentHashMap.newKeySet();

  /** What still writes while the process ends. */
  private static final List<Runnable> BEFORE_EXIT = new CopyOnWriteArrayList<>();

  static {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  BEFORE_EXIT.forEach(Runnable::run);
                  UNFINISHED.forEach(OutputFile::remove);
                }));
  }

  private OutputFile() {}

  /**
   * Has something done when the process is told to end, before unfinished outputs are removed: a
   * server lets its running job end, which may be writing one. Hooks of the JVM have no order.
   *
   * @param work to be done once; it may take its time
   */
  public static void beforeExit(Runnable work) {
    BEFORE_EXIT.add(work);
  }

  /** Writes a stream. */
  @FunctionalInterface
  public interface StreamBody {
    /** Writes everything to {@code out}, which the caller closes. */
    void write(OutputStream out) throws IOException;
  }

  /** Writes a file or a directory of files by its path. */
  @FunctionalInterface
  public interface PathBody {
    /** Writes everything at {@code unfinished}, whose name has the output's extension. */
    void write(Path unfinished) throws IOException;
  }

  /**
   * Judges whether a file can be written, before any work is done for it.
   *
   * @return the file that would be written, symbolic links resolved
   * @throws IllegalArgumentException if it is something else than a regular file, or its directory
   *     does not exist or may not be written to
   */
  public static Path check(Path file) {
    Path target = resolved(file);
    Path parent = target.getParent();
    if (target.getFileName() == null || Files.isDirectory(target)) {
      throw cannot(file, "it is a directory");
    }
    if (Files.exists(target) && !Files.isRegularFile(target)) {
      throw cannot(file, "it is a device, a pipe or a socket, not a regular file");
    }
    if (!Files.isDirectory(parent)) {
      throw cannot(file, parent + " is not a directory");
    }
    if (!Files.isWritable(parent)) {
      throw cannot(file, "the directory " + parent + " may not be written to");
    }
    return target;
  }

  /**
   * Writes a file through a stream.
   *
   * @throws IllegalArgumentException as {@link #check}
   * @throws IOException if writing fails, with the file and the reason; nothing is left behind then
   */
  public static void write(Path file, StreamBody body) throws IOException {
    writePath(
        file,
        unfinished -> {
          try (OutputStream out =
              new BufferedOutputStream(
                  Files.newOutputStream(unfinished, StandardOpenOption.TRUNCATE_EXISTING))) {
            body.write(out);
          }
        });
  }

  /**
   * Writes a file by its path, for encoders that open files themselves.
   *
   * @throws IllegalArgumentException as {@link #check}
   * @throws IOException if writing fails, with the file and the reason; nothing is left behind then
   */
  public static void writePath(Path file, PathBody body) throws IOException {
    Path target = check(file);
    Path unfinished = beside(target);
    UNFINISHED.add(unfinished);
    try {
      // Created here, so that the umask decides its permissions and nothing else has the name.
      Files.newByteChannel(
              unfinished, Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW))
          .close();
      body.write(unfinished);
      try (FileChannel written = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
        written.force(true);
      }
      move(unfinished, target);
    } catch (IOException e) {
      throw failed(file, e);
    } finally {
      remove(unfinished);
      UNFINISHED.remove(unfinished);
    }
  }

  /**
   * Writes a directory of files. The files appear only when all of them are whole: a new directory
   * at once, in an existing one each file in the place of its namesake.
   *
   * @throws IllegalArgumentException if it is a file, or its parent is no directory
   * @throws IOException if writing fails, with the directory and the reason; nothing is left behind
   *     then
   */
  public static void writeDirectory(Path directory, PathBody body) throws IOException {
    Path target = resolved(directory);
    if (Files.exists(target) && !Files.isDirectory(target)) {
      throw cannot(directory, "it is not a directory");
    }
    if (target.getParent() == null || !Files.isDirectory(target.getParent())) {
      throw cannot(directory, target.getParent() + " is not a directory");
    }
    Path unfinished = beside(target);
    UNFINISHED.add(unfinished);
    try {
      Files.createDirectory(unfinished);
      body.write(unfinished);
      if (Files.exists(target)) {
        moveEach(unfinished, target);
      } else {
        move(unfinished, target);
      }
    } catch (IOException e) {
      throw failed(directory, e);
    } finally {
      remove(unfinished);
      UNFINISHED.remove(unfinished);
    }
  }

  private static void moveEach(Path from, Path to) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.list(from)) {
      files = all.sorted().toList();
    }
    for (Path file : files) {
      move(file, check(to.resolve(file.getFileName())));
    }
  }

  private static void move(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
  }

  private static Path beside(Path target) {
    String name = target.getFileName().toString();
    int dot = name.lastIndexOf('.');
    String extension =
        dot > 0 && name.length() - dot <= LONGEST_EXTENSION ? name.substring(dot) : "";
    long random = ThreadLocalRandom.current().nextLong();
    return target.resolveSibling(".part-" + Long.toHexString(random) + extension);
  }

  private static Path resolved(Path file) {
    Path target = file.toAbsolutePath();
    for (int link = 0; link < LINKS_FOLLOWED; link++) {
      if (!Files.isSymbolicLink(target)) {
        return target;
      }
      try {
        target = target.resolveSibling(Files.readSymbolicLink(target));
      } catch (IOException e) {
        throw cannot(file, "the symbolic link " + target + ": " + Messages.reason(e));
      }
    }
    throw cannot(file, "its symbolic links go round in a circle");
  }

  private static IllegalArgumentException cannot(Path file, String why) {
    return new IllegalArgumentException("cannot write " + file + ": " + why);
  }

  private static IOException failed(Path file, IOException e) {
    return new IOException("cannot write " + file + ": " + Messages.reason(e), e);
  }

  private static void remove(Path unfinished) {
    if (!Files.exists(unfinished, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      Files.walkFileTree(
          unfinished,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException e)
                throws IOException {
              Files.delete(directory);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      // The error that made the output fail is the one to report.
      return;
    }
  }
}
