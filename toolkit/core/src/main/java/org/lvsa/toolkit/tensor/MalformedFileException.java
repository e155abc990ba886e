// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

/** A file that a user gave is not what it should be; the message says how, in one line. */
public final class MalformedFileException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** With the reason. */
  public MalformedFileException(String message) {
    super(message);
  }
}
