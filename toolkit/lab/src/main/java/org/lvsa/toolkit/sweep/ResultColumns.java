// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Messages;

/**
 * The columns of {@code results.csv}: their names, their order, and how a row becomes values and
 * values a row. Columns are only ever added, at the end. Times are milliseconds; what was not
 * measured is empty; the derived columns ({@code tokens}, {@code ideal_speedup}, {@code
 * efficiency}, {@code dense_gflops}, {@code sparse_gflops}) are computed when a row is written and
 * ignored when it is read.
 */
public final class ResultColumns {
  /** Columns without which a row says nothing. Every other column may be missing. */
  private static final List<String> NEEDED =
      List.of(
          "model",
          "resolution",
          "frames",
          "latent_frames",
          "patches_per_frame",
          "batch",
          "heads",
          "kv_heads",
          "head_dim",
          "dtype",
          "sparsity_scale",
          "backend",
          "status");

  private static final Map<String, Function<ResultRow, Object>> COLUMNS = new LinkedHashMap<>();

  static {
    cell("model", Cell::model);
    cell("resolution", Cell::resolution);
    cell("frames", Cell::frames);
    cell("latent_frames", Cell::latentFrames);
    cell("patches_per_frame", Cell::patchesPerFrame);
    cell("tokens", Cell::tokens);
    cell("batch", Cell::batch);
    cell("heads", Cell::heads);
    cell("kv_heads", Cell::kvHeads);
    cell("head_dim", Cell::headDim);
    cell("dtype", cell -> cell.dtype().name());
    cell("sparsity_scale", Cell::sparsityScale);
    frames("window", PatternFacts::window);
    frames("first_frames", PatternFacts::firstFrames);
    frames("key_frame_interval", PatternFacts::keyFrameInterval);
    frames("step", PatternFacts::step);
    frames("global_frames", PatternFacts::globalFrames);
    frames("attended_min", PatternFacts::attendedMin);
    frames("attended_mean", PatternFacts::attendedMean);
    frames("attended_max", PatternFacts::attendedMax);
    pattern("density", PatternFacts::density);
    cell("backend", Cell::backend);
    COLUMNS.put("device", row -> row.provenance().device());
    COLUMNS.put("kernel", row -> row.provenance().kernel());
    cell("input", Cell::input);
    cell("seed", Cell::seed);
    timing("reps", Timing::reps);
    timing("dense_ms", Timing::denseMillis);
    timing("sparse_ms", Timing::sparseMillis);
    timing("prepare_ms", Timing::prepareMillis);
    timing("transfer_ms", Timing::transferMillis);
    timing("speedup", Timing::speedup);
    pattern("ideal_speedup", PatternFacts::idealSpeedup);
    COLUMNS.put("efficiency", ResultRow::efficiency);
    COLUMNS.put("dense_gflops", ResultRow::denseGflops);
    COLUMNS.put("sparse_gflops", ResultRow::sparseGflops);
    quality("rel_l2_error", Quality::relL2Error);
    quality("max_abs_error", Quality::maxAbsError);
    quality("cosine", Quality::cosine);
    quality("mass_recall", Quality::massRecall);
    timing("peak_extra_mib", Timing::extraMib);
    COLUMNS.put("status", row -> row.status().word());
    COLUMNS.put("note", ResultRow::note);
    COLUMNS.put("commit", row -> row.provenance().commit());
    COLUMNS.put("timestamp", row -> row.provenance().timestamp());
    spread("dense_iqr_ms", Timing.Spread::denseIqrMillis);
    spread("sparse_iqr_ms", Timing.Spread::sparseIqrMillis);
    spread("speedup_low", Timing.Spread::speedupLow);
    spread("speedup_high", Timing.Spread::speedupHigh);
    spread("rounds", Timing.Spread::rounds);
    COLUMNS.put("dense_kernel", row -> row.provenance().denseKernel());
    COLUMNS.put("host", row -> row.provenance().host());
    cell("pattern", Cell::patternName);
    pattern("pattern_params", PatternFacts::parameters);
    pattern("block_tokens", PatternFacts::blockTokens);
    pattern("select_ms", PatternFacts::selectMillis);
    quality("oracle_recall", Quality::oracleRecall);
    quality("worst_head_error", Quality::worstHeadError);
    cell("asked_pattern", Cell::pattern);
    cell("asked_density", Cell::askedDensity);
    COLUMNS.put("executor", row -> row.provenance().executor());
  }

  private ResultColumns() {}

  /** The names, in their order. */
  public static List<String> names() {
    return List.copyOf(COLUMNS.keySet());
  }

  /** Every column of a row, in order; null where there is no value. */
  public static Map<String, Object> values(ResultRow row) {
    Map<String, Object> values = new LinkedHashMap<>();
    COLUMNS.forEach(
        (name, column) -> {
          Object value = column.apply(row);
          values.put(name, value instanceof Double number && number.isNaN() ? null : value);
        });
    return values;
  }

  /** The needed columns that a file does not have. */
  static List<String> missing(Set<String> found) {
    return NEEDED.stream().filter(name -> !found.contains(name)).toList();
  }

  /**
   * The row of these values.
   *
   * @param values by column; a column that is not there counts as empty
   * @throws IllegalArgumentException naming the column that is wrong
   */
  static ResultRow row(Map<String, String> values) {
    Fields fields = new Fields(values);
    Cell cell =
        new Cell(
            fields.text("model"),
            fields.text("resolution"),
            fields.integer("frames"),
            fields.integer("latent_frames"),
            fields.integer("patches_per_frame"),
            fields.integer("batch"),
            fields.integer("heads"),
            fields.integer("kv_heads"),
            fields.integer("head_dim"),
            fields.choice("dtype", Fields::dtype),
            fields.numberOrNaN("sparsity_scale"),
            fields.text("backend"),
            fields.optional("input"),
            fields.has("seed") ? fields.choice("seed", Fields::whole) : 0,
            fields.has("asked_pattern") ? fields.text("asked_pattern") : "lvsa",
            fields.numberOrNaN("asked_density"));
    if (!cell.isScale() && !fields.has("asked_pattern")) {
      throw new IllegalArgumentException("sparsity_scale is empty, and so is asked_pattern");
    }
    return new ResultRow(
        cell,
        fields.has("density") ? Optional.of(pattern(fields)) : Optional.empty(),
        fields.has("dense_ms") && fields.has("sparse_ms")
            ? Optional.of(timing(fields))
            : Optional.empty(),
        fields.has("rel_l2_error") ? Optional.of(quality(fields)) : Optional.empty(),
        fields.choice("status", Status::of),
        fields.optional("note"),
        new Provenance(
            fields.optional("device"),
            fields.optional("kernel"),
            fields.optional("dense_kernel"),
            fields.optional("commit"),
            fields.optional("timestamp"),
            fields.optional("host"),
            fields.optional("executor")));
  }

  private static PatternFacts pattern(Fields fields) {
    String parameters = fields.optional("pattern_params");
    int blockTokens =
        fields.has("block_tokens")
            ? fields.integer("block_tokens")
            : fields.integer("patches_per_frame");
    double selectMillis = fields.numberOrNaN("select_ms");
    double density = fields.number("density");
    if (!fields.has("window") && fields.has("block_tokens")) {
      return PatternFacts.ofBlocks(density, parameters, blockTokens, selectMillis);
    }
    return new PatternFacts(
        fields.integer("window"),
        fields.integer("first_frames"),
        fields.integer("key_frame_interval"),
        fields.integer("step"),
        fields.integer("global_frames"),
        fields.integer("attended_min"),
        fields.number("attended_mean"),
        fields.integer("attended_max"),
        density,
        parameters,
        blockTokens,
        selectMillis);
  }

  private static Timing timing(Fields fields) {
    double dense = fields.number("dense_ms");
    double sparse = fields.number("sparse_ms");
    if (dense <= 0 || sparse <= 0) {
      throw new IllegalArgumentException("dense_ms and sparse_ms must be above 0");
    }
    return new Timing(
        fields.has("reps") ? fields.integer("reps") : 0,
        dense,
        sparse,
        fields.numberOrNaN("prepare_ms"),
        fields.numberOrNaN("transfer_ms"),
        fields.has("speedup") ? fields.number("speedup") : dense / sparse,
        fields.numberOrNaN("peak_extra_mib"),
        fields.has("rounds")
            ? Optional.of(
                new Timing.Spread(
                    fields.integer("rounds"),
                    fields.number("dense_iqr_ms"),
                    fields.number("sparse_iqr_ms"),
                    fields.number("speedup_low"),
                    fields.number("speedup_high")))
            : Optional.empty());
  }

  private static Quality quality(Fields fields) {
    return new Quality(
        fields.number("rel_l2_error"),
        fields.numberOrNaN("max_abs_error"),
        fields.numberOrNaN("cosine"),
        fields.numberOrNaN("mass_recall"),
        fields.numberOrNaN("oracle_recall"),
        fields.numberOrNaN("worst_head_error"));
  }

  private static void cell(String name, Function<Cell, Object> value) {
    COLUMNS.put(name, row -> value.apply(row.cell()));
  }

  private static void pattern(String name, Function<PatternFacts, Object> value) {
    COLUMNS.put(name, row -> row.pattern().map(value).orElse(null));
  }

  /** A column that only patterns of frames have. */
  private static void frames(String name, Function<PatternFacts, Object> value) {
    COLUMNS.put(name, row -> row.pattern().filter(PatternFacts::isFrames).map(value).orElse(null));
  }

  private static void timing(String name, Function<Timing, Object> value) {
    COLUMNS.put(name, row -> row.timing().map(value).orElse(null));
  }

  private static void spread(String name, Function<Timing.Spread, Object> value) {
    COLUMNS.put(name, row -> row.timing().flatMap(Timing::spread).map(value).orElse(null));
  }

  private static void quality(String name, Function<Quality, Object> value) {
    COLUMNS.put(name, row -> row.quality().map(value).orElse(null));
  }

  /** The fields of one record, read by column. */
  private record Fields(Map<String, String> values) {

    boolean has(String name) {
      return !values.getOrDefault(name, "").isEmpty();
    }

    String optional(String name) {
      return values.getOrDefault(name, "");
    }

    String text(String name) {
      if (!has(name)) {
        throw new IllegalArgumentException(name + " is empty");
      }
      return values.get(name);
    }

    int integer(String name) {
      return choice(name, text -> whole(text).filter(n -> n == n.intValue()).map(Long::intValue));
    }

    double number(String name) {
      return choice(name, Fields::finite);
    }

    double numberOrNaN(String name) {
      return has(name) ? number(name) : Double.NaN;
    }

    <T> T choice(String name, Function<String, Optional<T>> parse) {
      String text = text(name);
      return parse
          .apply(text)
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      name + " cannot be read, got " + Messages.cut(text)));
    }

    static Optional<Long> whole(String text) {
      return text.matches("-?\\d{1,18}") ? Optional.of(Long.valueOf(text)) : Optional.empty();
    }

    private static Optional<Double> finite(String text) {
      try {
        return Optional.of(Double.valueOf(text)).filter(Double::isFinite);
      } catch (NumberFormatException e) {
        return Optional.empty();
      }
    }

    static Optional<DType> dtype(String text) {
      return Stream.of(DType.values()).filter(dtype -> dtype.name().equals(text)).findFirst();
    }
  }
}
