// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.backend;

/** What was asked for is not to be had on this machine; the message says what and why. */
public final class UnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** With the reason. */
  public UnavailableException(String message) {
    super(message);
  }
}
