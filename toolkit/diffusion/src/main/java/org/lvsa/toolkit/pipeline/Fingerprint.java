// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Hashes that tell settings and models apart (SHA-256, in hexadecimal). */
final class Fingerprint {
  private static final int BLOCK = 1 << 14;

  /** Blocks that are read of a large file; published weights are tens of gigabytes. */
  private static final int SAMPLES = 64;

  private Fingerprint() {}

  /** Of a text. */
  static String of(String text) {
    return HexFormat.of().formatHex(sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Of bytes. */
  static String of(byte[] bytes) {
    return HexFormat.of().formatHex(sha256().digest(bytes));
  }

  /** Of numbers. */
  static String of(float[] numbers) {
    MessageDigest digest = sha256();
    ByteBuffer bytes = ByteBuffer.allocate(BLOCK);
    for (int at = 0; at < numbers.length; at += BLOCK / Float.BYTES) {
      bytes.clear();
      int end = Math.min(numbers.length, at + BLOCK / Float.BYTES);
      for (int i = at; i < end; i++) {
        bytes.putFloat(numbers[i]);
      }
      digest.update(bytes.flip());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * Of some files, and of all files of some folders: names, sizes and contents, of large files a
   * sample of their contents. Where they lie does not matter.
   */
  static String of(List<Path> places) {
    MessageDigest digest = sha256();
    try {
      for (Path place : places) {
        List<Path> files;
        try (Stream<Path> all = Files.walk(place, 1)) {
          files = all.filter(Files::isRegularFile).sorted().toList();
        }
        for (Path file : files) {
          add(digest, file);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void add(MessageDigest digest, Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      digest.update((file.getFileName() + ":" + size + "\n").getBytes(StandardCharsets.UTF_8));
      long stride = Math.max(BLOCK, size / SAMPLES);
      for (long at = 0; at < size; at += stride) {
        ByteBuffer block = ByteBuffer.allocate(BLOCK);
        channel.read(block, at);
        digest.update(block.flip());
      }
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }
}
