// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.List;
import java.util.stream.Collectors;
import org.lvsa.toolkit.evaluate.network.Network;

/** The wording of what a dimension lacks. */
final class Needs {
  private Needs() {}

  /** That it needs networks which were not given. */
  static String of(List<Network> missing) {
    return "needs " + missing.stream().map(Network::title).collect(Collectors.joining(", "));
  }
}
