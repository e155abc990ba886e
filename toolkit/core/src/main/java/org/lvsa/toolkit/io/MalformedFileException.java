// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

/**
 * Something that a user gave, such as a file or a JSON text, is not what it should be. The message
 * is one line: which file, where in it, what is wrong, and what was expected.
 */
public final class MalformedFileException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  /** With the reason. */
  public MalformedFileException(String message) {
    super(message);
  }

  /** With the reason and the error that told it. */
  public MalformedFileException(String message, Throwable cause) {
    super(message, cause);
  }
}
