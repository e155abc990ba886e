// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Sees to it that each part of a run (encoding, denoising, decoding) has only its own weights in
 * memory, and logs how much that was.
 */
public final class Offload {
  private static final double MIB = 1 << 20;

  private final OffloadMode mode;
  private final Components components;
  private final Map<String, List<WeightPart>> turning;
  private final Consumer<String> log;
  private final Residency residency = new Residency();

  private Offload(
      OffloadMode mode,
      Components components,
      Map<String, List<WeightPart>> turning,
      Consumer<String> log) {
    this.mode = mode;
    this.components = components;
    this.turning = turning;
    this.log = log;
  }

  /**
   * Looks for the components of a pipeline. The first line of the log says what takes turns.
   *
   * @param log takes lines, warnings among them
   * @throws IllegalArgumentException if the pipeline has no weights that can be let go, saying why
   */
  public static Offload of(OffloadMode mode, OffloadableComponents pipeline, Consumer<String> log) {
    Components components = Components.of(pipeline, warning -> log.accept("warning: " + warning));
    if (components.transformers().isEmpty()) {
      throw new IllegalArgumentException(
          "offloading needs a transformer, and the pipeline has none that can be let go");
    }
    Map<String, List<WeightPart>> turning = new LinkedHashMap<>();
    if (mode == OffloadMode.LAYERWISE) {
      components
          .blocks()
          .forEach(
              (name, blocks) -> {
                if (blocks.size() > 1) {
                  turning.put(name, blocks);
                } else {
                  log.accept(
                      "warning: " + name + " has one block, so the whole transformer is loaded");
                }
              });
    }
    log.accept(mode.title() + " offloading enabled: " + words(mode, components, turning));
    return new Offload(mode, components, turning, log);
  }

  private static String words(
      OffloadMode mode, Components components, Map<String, List<WeightPart>> turning) {
    if (mode == OffloadMode.MODEL) {
      return String.join(", ", components.transformers().keySet())
          + " <-> "
          + String.join(", ", components.encoders().keySet())
          + " (mutual exclusion)";
    }
    List<String> lists = new ArrayList<>();
    turning.forEach(
        (name, blocks) ->
            lists.add(
                String.format(
                    Locale.ROOT,
                    "%d blocks of %s, %.1f MiB the largest",
                    blocks.size(),
                    name,
                    blocks.stream().mapToLong(WeightPart::bytes).max().orElse(0) / MIB)));
    return String.join("; ", lists);
  }

  /** A part of a run; closing it lets its weights go and logs what they took. */
  public interface Part extends AutoCloseable {
    @Override
    void close();
  }

  /** Denoising, which tells which weights it needs. */
  public interface Denoising extends Part {
    /** Told of each run of a transformer and of each block. */
    WeightTurns turns();
  }

  /** Prompts and pictures are encoded: transformers are let go. */
  public Part encoding() {
    components.transformers().values().forEach(WeightPart::unload);
    MemoryWatch watch = begin();
    components.encoders().forEach((name, bytes) -> residency.came(name, bytes, false));
    return () -> {
      String said = said("encoding", watch);
      components.encoders().keySet().forEach(name -> residency.went(name, false));
      // Pictures are encoded by the VAE.
      components.vaes().values().forEach(WeightPart::unload);
      log.accept(said);
    };
  }

  /** Latents are denoised. */
  public Denoising denoising() {
    WeightTurns turns =
        mode == OffloadMode.LAYERWISE
            ? new BlockTurns(components.transformers(), turning, residency)
            : new ModelTurns(components.transformers(), residency);
    MemoryWatch watch = begin();
    return new Denoising() {
      @Override
      public WeightTurns turns() {
        return turns;
      }

      @Override
      public void close() {
        turns.close();
        log.accept(said("denoising", watch));
      }
    };
  }

  /** Latents are decoded. */
  public Part decoding() {
    MemoryWatch watch = begin();
    components.vaes().forEach((name, part) -> residency.came(name, part.bytes(), false));
    return () -> {
      String said = said("decoding", watch);
      components
          .vaes()
          .forEach(
              (name, part) -> {
                part.unload();
                residency.went(name, false);
              });
      log.accept(said);
    };
  }

  /**
   * How many bytes of weights fewer are in memory while latents are denoised than with all of the
   * largest transformer there.
   */
  public long savedWhileDenoising() {
    long all = 0;
    long held = 0;
    for (var transformer : components.transformers().entrySet()) {
      List<Long> blocks = new ArrayList<>();
      turning.forEach(
          (list, parts) -> {
            if (list.startsWith(transformer.getKey() + ".")) {
              parts.forEach(part -> blocks.add(part.bytes()));
            }
          });
      blocks.sort(Comparator.reverseOrder());
      // Two at a time stay, so all behind the two largest are saved at least.
      long away = blocks.stream().skip(2).mapToLong(Long::longValue).sum();
      all = Math.max(all, transformer.getValue().bytes());
      held = Math.max(held, transformer.getValue().bytes() - away);
    }
    return all - held;
  }

  private MemoryWatch begin() {
    residency.restart();
    return new MemoryWatch();
  }

  private String said(String part, MemoryWatch watch) {
    try (watch) {
      int blocks = residency.mostBlocks();
      return String.format(
          Locale.ROOT,
          "[offload] %s: weights at most %.1f MiB of %.1f MiB%s, process at most %s",
          part,
          residency.most() / MIB,
          allBytes() / MIB,
          blocks == 0 ? "" : " (" + blocks + " blocks at a time)",
          watch.most().isPresent()
              ? String.format(Locale.ROOT, "%.1f MiB", watch.most().getAsLong() / MIB)
              : "unknown here");
    }
  }

  private long allBytes() {
    long encoders = components.encoders().values().stream().mapToLong(Long::longValue).sum();
    return encoders + bytes(components.transformers()) + bytes(components.vaes());
  }

  private static long bytes(Map<String, WeightPart> parts) {
    return parts.values().stream().mapToLong(WeightPart::bytes).sum();
  }
}
