// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.tensor.NdMemory;

/**
 * One video on its way through the encoder or the decoder: the memory, and for each causal
 * convolution the last frames that it saw, which the next stretch of video needs.
 */
final class Run implements AutoCloseable {
  /** Frames of no more bytes are normed and convolved together. */
  static final long PIECE_BYTES = 64L << 20;

  final Workspace workspace = new Workspace();

  /** By the convolutions' slots; null before the first stretch. */
  final Volume[] kept;

  /** Keys of all frames so far, where an attention sees them. */
  final List<Volume> keys = new ArrayList<>();

  /** Values that belong to {@link #keys}. */
  final List<Volume> values = new ArrayList<>();

  private final Observer observer;
  private final String name;
  private final long pieceBytes;
  private int stretch;

  /**
   * Begins a video.
   *
   * @param slots number of causal convolutions
   * @param observer is shown what is computed
   * @param name how the values shown are called, {@code dec} or {@code enc}
   */
  Run(int slots, Observer observer, String name) {
    this(slots, observer, name, PIECE_BYTES);
  }

  Run(int slots, Observer observer, String name, long pieceBytes) {
    this.pieceBytes = pieceBytes;
    this.kept = new Volume[slots];
    this.observer = observer;
    this.name = name;
  }

  /** Whether this is the first stretch, which is one frame. */
  boolean isFirst() {
    return stretch == 0;
  }

  /** How many frames of a volume are worked on together where its length allows to choose. */
  int framesAtATime(Volume volume) {
    return Math.clamp(pieceBytes / volume.frameBytes(), 1, volume.frames());
  }

  /** Goes on to the next stretch. */
  void next() {
    for (int slot = 0; slot < kept.length; slot++) {
      if (kept[slot] != null) {
        observe(String.format(Locale.ROOT, "cache%02d", slot), kept[slot]);
      }
    }
    // The second stretch is longer than the first, and the third sees more earlier frames.
    if (stretch < 2) {
      workspace.trim();
    }
    stretch++;
  }

  /** Shows a volume to the observer, as {@code [1, channels, frames, height, width]}. */
  void observe(String what, Volume volume) {
    observer.see(
        name + ".chunk" + stretch + "." + what,
        () -> {
          float[] tensor =
              new float[volume.channels() * volume.frames() * volume.height() * volume.width()];
          volume.copyToChannelsFirst(tensor, volume.frames(), 0);
          return NdMemory.copy(
              MemorySegment.ofArray(tensor),
              1,
              volume.channels(),
              volume.frames(),
              volume.height(),
              volume.width());
        });
  }

  /** Shows what a computation gives that is made for observers alone. */
  void observe(String what, Supplier<Volume> volume) {
    if (observer != Observer.NONE) {
      Volume computed = volume.get();
      observe(what, computed);
      workspace.give(computed);
    }
  }

  @Override
  public void close() {
    Arrays.fill(kept, null);
    keys.clear();
    values.clear();
    workspace.close();
  }
}
