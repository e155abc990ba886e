// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import org.lvsa.toolkit.layers.Volume;

/**
 * Memory for the volumes of one run. What is given back is used again for volumes of the same size,
 * since stretches of video are as large as those before them. For one thread.
 */
final class Workspace implements AutoCloseable {
  /** Volumes in use, each in an arena of its own, so that each can be freed alone. */
  private final Map<Volume, Arena> used = new IdentityHashMap<>();

  private final Map<Long, Deque<Free>> free = new HashMap<>();
  private long bytes;
  private long peak;

  private record Free(Volume volume, Arena arena) {}

  /** A volume whose elements are undefined. */
  Volume take(int frames, int height, int width, int channels) {
    long size = 4L * frames * height * width * channels;
    Deque<Free> ready = free.get(size);
    Volume volume;
    Arena arena;
    if (ready != null && !ready.isEmpty()) {
      Free last = ready.pop();
      arena = last.arena();
      volume = new Volume(last.volume().memory(), frames, height, width, channels);
    } else {
      arena = Arena.ofShared();
      volume = Volume.allocate(arena, frames, height, width, channels);
      bytes += size;
      peak = Math.max(peak, bytes);
    }
    used.put(volume, arena);
    return volume;
  }

  /** Takes a volume back; null does nothing. */
  void give(Volume volume) {
    if (volume != null) {
      Arena arena = used.remove(volume);
      if (arena == null) {
        throw new IllegalStateException("the volume is not in use");
      }
      free.computeIfAbsent(volume.memory().byteSize(), size -> new ArrayDeque<>())
          .push(new Free(volume, arena));
    }
  }

  /** Frees what is not in use, where the sizes to come are others. */
  void trim() {
    for (Deque<Free> ready : free.values()) {
      for (Free unused : ready) {
        bytes -= unused.volume().memory().byteSize();
        unused.arena().close();
      }
    }
    free.clear();
  }

  /** The most bytes that were held at one time. */
  long peak() {
    return peak;
  }

  @Override
  public void close() {
    trim();
    used.values().forEach(Arena::close);
    used.clear();
  }
}
