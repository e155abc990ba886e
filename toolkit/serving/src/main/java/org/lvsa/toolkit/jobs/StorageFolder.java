// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.Messages;

/**
 * The server's own folder: the jobs' database, the videos, the pictures that came with requests,
 * and what is written at the moment. One server has it at a time. File names are made of
 * identifiers that the server drew itself; nothing that a client sends is ever part of a path.
 */
public final class StorageFolder implements AutoCloseable {
  private final Path root;
  private final FileChannel lockFile;

  private StorageFolder(Path root, FileChannel lockFile) {
    this.root = root;
    this.lockFile = lockFile;
  }

  /**
   * Opens a folder, which is made if it is not there, and removes what an earlier server that was
   * ended left half-written.
   *
   * @throws IllegalArgumentException if it cannot be written to, or another server has it
   */
  public static StorageFolder open(Path root) {
    try {
      Files.createDirectories(root);
      FileChannel channel =
          FileChannel.open(
              root.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!isLocked(channel)) {
        channel.close();
        throw new IllegalArgumentException(
            root + ": another server has this folder: give --data another one");
      }
      StorageFolder folder = new StorageFolder(root, channel);
      for (Path part : List.of(folder.videos(), folder.images(), folder.uploads())) {
        Files.createDirectories(part);
      }
      empty(folder.uploads());
      removeUnfinished(folder.videos());
      return folder;
    } catch (IOException e) {
      throw new IllegalArgumentException("cannot write " + root + ": " + Messages.reason(e), e);
    }
  }

  private static boolean isLocked(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private static void empty(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  /** An output is written beside its place, under a name that begins with a dot. */
  private static void removeUnfinished(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.filter(f -> f.getFileName().toString().startsWith(".")).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  /** The jobs' database. */
  Path database() {
    return root.resolve("jobs.db");
  }

  private Path videos() {
    return root.resolve("videos");
  }

  private Path images() {
    return root.resolve("images");
  }

  /** Where parts of a request lie while it arrives, and pictures until they are sent. */
  public Path uploads() {
    return root.resolve("uploads");
  }

  /** The file of a job. */
  public Path video(Job job) {
    return videos().resolve(job.id() + job.request().ending());
  }

  /** A picture that came with a job. */
  public Path picture(String id, PictureRole role) {
    if (!Job.isId(id)) {
      throw new IllegalArgumentException("not an identifier: " + Messages.cut(id));
    }
    return images().resolve(id + (role == PictureRole.FIRST ? ".png" : "-last.png"));
  }

  /** Removes what belongs to a job. */
  void remove(Job job) throws IOException {
    Files.deleteIfExists(video(job));
    removePictures(job.id());
  }

  /** Removes the pictures of a job, or of one that was not taken. */
  void removePictures(String id) throws IOException {
    for (PictureRole role : PictureRole.values()) {
      Files.deleteIfExists(picture(id, role));
    }
  }

  /** Removes files of which no job knows, as a process that is killed may leave them. */
  void removeUnknown(Iterable<Job> jobs) throws IOException {
    Set<Path> known = new HashSet<>();
    for (Job job : jobs) {
      known.add(video(job));
      job.pictures().forEach(role -> known.add(picture(job.id(), role)));
    }
    for (Path directory : List.of(videos(), images())) {
      try (Stream<Path> files = Files.list(directory)) {
        for (Path file : files.filter(f -> !known.contains(f)).toList()) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    lockFile.close();
  }
}
