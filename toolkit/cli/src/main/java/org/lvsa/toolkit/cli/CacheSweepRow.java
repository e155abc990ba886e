// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * A measured run of a cache sweep, as a row of {@code cache.csv} has it.
 *
 * @param attention {@code dense} or {@code lvsa}
 * @param cache the cache's backend, {@code none} without one
 * @param config its settings as JSON; empty for the defaults
 * @param computed lists of blocks (or attentions) that were computed; empty without a cache
 * @param cached those that were taken from the cache
 * @param seconds that denoising took, the median
 * @param speedup the seconds of dense attention without a cache, measured in turn with it, over
 *     these
 * @param psnrDb mean over the frames against the dense video without a cache, in dB; infinite for
 *     the same frames, empty where no frames were decoded
 * @param ssim mean over the frames; empty where no frames were decoded
 * @param relL2Latents distance of the latents, relative to the length of the dense ones
 * @param density mean over the self-attentions that ran
 * @param sparsityScale of LVSA; empty with dense attention
 * @param decisions a {@code .} per computed step and a {@code C} per cached one, by list of blocks
 *     and branch of guidance
 */
@JsonNaming(SnakeCaseStrategy.class)
@JsonPropertyOrder({
  "attention",
  "cache",
  "config",
  "computed",
  "cached",
  "seconds",
  "speedup",
  "psnr_db",
  "ssim",
  "rel_l2_latents",
  "density",
  "sparsity_scale",
  "decisions"
})
record CacheSweepRow(
    String attention,
    String cache,
    String config,
    @Nullable Integer computed,
    @Nullable Integer cached,
    double seconds,
    double speedup,
    @Nullable Double psnrDb,
    @Nullable Double ssim,
    double relL2Latents,
    double density,
    @Nullable Double sparsityScale,
    String decisions) {
  private static final CsvMapper CSV =
      CsvMapper.builder().enable(CsvParser.Feature.EMPTY_UNQUOTED_STRING_AS_NULL).build();
  private static final CsvSchema SCHEMA = CSV.schemaFor(CacheSweepRow.class);

  /** What is not there is empty. */
  CacheSweepRow {
    config = config == null ? "" : config;
    decisions = decisions == null ? "" : decisions;
  }

  /** The header line. */
  static String header() {
    return String.join(",", SCHEMA.getColumnNames()) + "\n";
  }

  /** The row's line. */
  String line() {
    try {
      return CSV.writer(SCHEMA).writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a row cannot be written as CSV", e);
    }
  }

  /**
   * Reads a sweep's rows.
   *
   * @throws MalformedFileException if the file is not a cache sweep's, or damaged
   */
  static List<CacheSweepRow> read(Path csv) {
    try (var rows =
        CSV.readerFor(CacheSweepRow.class)
            .with(CsvSchema.emptySchema().withHeader().withStrictHeaders(true))
            .<CacheSweepRow>readValues(csv.toFile())) {
      return rows.readAll();
    } catch (IOException e) {
      throw new MalformedFileException(
          csv + " is not a cache sweep's cache.csv: " + Messages.reason(e), e);
    }
  }

  /** Which self-attention the row is of, with the scale of the sparse one: {@code lvsa 0.5}. */
  String how() {
    return sparsityScale == null ? attention : attention + " " + sparsityScale;
  }

  /** What tells the row from the others of a sweep. */
  String key() {
    return key(how(), cache, config);
  }

  /**
   * The same of a run that is still to be made.
   *
   * @param how as {@link #how} writes it
   */
  static String key(String how, String cache, String config) {
    return how + " " + cache + " " + config;
  }

  /** Whether this run is nowhere worse than another one, and somewhere better. */
  boolean beats(CacheSweepRow other) {
    double its = psnrDb == null ? -relL2Latents : psnrDb;
    double others = other.psnrDb == null ? -other.relL2Latents : other.psnrDb;
    return speedup >= other.speedup && its >= others && (speedup > other.speedup || its > others);
  }
}
