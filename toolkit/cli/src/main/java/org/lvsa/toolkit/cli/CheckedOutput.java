// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/**
 * A stream that remembers why a write failed, such as a full disk. {@link java.io.PrintStream} and
 * {@link java.io.PrintWriter} swallow the error, and a command would end with code 0 although its
 * output is lost.
 */
final class CheckedOutput extends FilterOutputStream {
  private IOException failure;

  CheckedOutput(OutputStream out) {
    super(out);
  }

  /** Why the first write that failed did; empty if none failed. */
  Optional<IOException> failure() {
    return Optional.ofNullable(failure);
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int begin, int count) throws IOException {
    try {
      out.write(bytes, begin, count);
    } catch (IOException e) {
      failure = failure == null ? e : failure;
      throw e;
    }
  }
}
