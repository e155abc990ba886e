// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import org.lvsa.toolkit.io.Messages;

/**
 * Where a result comes from. Texts are empty where an older file does not say.
 *
 * @param device device that ran the cell
 * @param kernel kernel that ran the sparse attention, with its path
 * @param denseKernel kernel that ran the dense attention, with its path
 * @param commit revision of the toolkit
 * @param timestamp when the cell was finished, UTC, ISO 8601
 * @param host name of the machine
 * @param executor which process of several measured it: an executor of a cluster, or a device of
 *     this machine; empty for a sweep of one process
 */
public record Provenance(
    String device,
    String kernel,
    String denseKernel,
    String commit,
    String timestamp,
    String host,
    String executor) {

  /** Of a sweep of one process. */
  public Provenance(
      String device,
      String kernel,
      String denseKernel,
      String commit,
      String timestamp,
      String host) {
    this(device, kernel, denseKernel, commit, timestamp, host, "");
  }

  /** Texts are kept on one line, as {@code results.csv} needs them. */
  public Provenance {
    device = Messages.oneLine(device);
    kernel = Messages.oneLine(kernel);
    denseKernel = Messages.oneLine(denseKernel);
    commit = Messages.oneLine(commit);
    timestamp = Messages.oneLine(timestamp);
    host = Messages.oneLine(host);
    executor = Messages.oneLine(executor);
  }
}
