// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

/** Which weights are let go while others run. */
public enum OffloadMode {
  /** Encoders, transformers and VAE take turns. */
  MODEL("Model-level"),
  /** So do the blocks of a transformer, of which two are in memory at a time. */
  LAYERWISE("Layer-wise");

  private final String title;

  OffloadMode(String title) {
    this.title = title;
  }

  /** The mode as lines of the log call it. */
  public String title() {
    return title;
  }
}
