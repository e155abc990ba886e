// SPDX-License-Identifier: Apache-2.0
package org.lvsa.notebooks;

import java.util.List;

/** A cell that does not compile or that threw; the message says where, counted in its lines. */
public final class CellError extends RuntimeException {
  private static final long serialVersionUID = 1;

  CellError(List<String> lines) {
    super(String.join("\n", lines));
  }

  /** What to print. */
  public List<String> lines() {
    return getMessage().lines().toList();
  }
}
