// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.Messages;

/**
 * What results of one sweep must have in common besides its settings, so that they may stand in one
 * file: the program, the machine and the input's bytes.
 *
 * @param commit revision of the toolkit
 * @param host name of the machine
 * @param jvm name and version of the JVM
 * @param devices the device that each backend runs on
 * @param inputSha256 checksum of the input file; empty for inputs that are made
 */
record Identity(
    String commit, String host, String jvm, Map<String, String> devices, String inputSha256) {

  Identity {
    devices = new TreeMap<>(devices);
  }

  /** What this process measures with. */
  static Identity here(Map<String, AttentionKernel> kernels, InputSource input) throws IOException {
    Map<String, String> devices = new TreeMap<>();
    kernels.forEach((name, kernel) -> devices.put(name, kernel.device()));
    return new Identity(
        Environment.commit(),
        Environment.host(),
        Environment.jvm(),
        devices,
        switch (input) {
          case InputSource.VideoFile file -> sha256(file.path());
          case InputSource.Capture capture -> sha256(capture.path());
          case InputSource.RandomNumbers ignored -> "";
          case InputSource.Moving ignored -> "";
        });
  }

  /**
   * What other processes measure with: their devices may differ, and each row names its own.
   *
   * @param host name of their machine, or of the cluster
   */
  static Identity of(String host, InputSource input) throws IOException {
    Identity here = here(Map.of(), input);
    return new Identity(here.commit, host, here.jvm, Map.of(), here.inputSha256);
  }

  /** What differs, each with both values. */
  List<String> differencesFrom(Identity earlier) {
    List<String> all = new ArrayList<>();
    difference(all, "commit", earlier.commit, commit);
    difference(all, "host", earlier.host, host);
    difference(all, "jvm", earlier.jvm, jvm);
    difference(all, "devices", earlier.devices, devices);
    difference(all, "inputSha256", earlier.inputSha256, inputSha256);
    return all;
  }

  private static void difference(List<String> all, String name, Object there, Object now) {
    if (!Objects.equals(there, now)) {
      all.add(Messages.cut(name + " " + there + " there, " + now + " now"));
    }
  }

  private static String sha256(Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      in.transferTo(java.io.OutputStream.nullOutputStream());
    } catch (IOException e) {
      throw new IOException("cannot read " + file + ": " + Messages.reason(e), e);
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
