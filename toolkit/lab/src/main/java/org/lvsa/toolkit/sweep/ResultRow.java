// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * One measured cell: a line of {@code results.csv}. The components are the columns, in their order
 * (DESIGN.md section 3). Times are milliseconds, medians of {@code reps} warm runs of the kernel
 * alone; what was not measured is empty.
 *
 * @param model name of the model
 * @param resolution WIDTHxHEIGHT, or - where patches per frame were given
 * @param frames video frames
 * @param latentFrames latent frames
 * @param patchesPerFrame patches of a latent frame
 * @param tokens tokens of a sequence
 * @param batch sequences at once
 * @param heads query heads that ran
 * @param kvHeads key/value heads that ran
 * @param headDim elements of a head's vector
 * @param dtype how query, key and value were stored
 * @param sparsityScale sparsity scale
 * @param window window in latent frames, in force
 * @param firstFrames first frames in latent frames, in force
 * @param keyFrameInterval interval in latent frames, in force
 * @param step denoising step
 * @param globalFrames number of global frames
 * @param attendedMin fewest frames that a frame attends to
 * @param attendedMean mean number of them
 * @param attendedMax most of them
 * @param density attended pairs over all
 * @param backend backend that ran
 * @param device device that it ran on
 * @param kernel kernel that ran
 * @param input random, moving, or the video's file name
 * @param seed seed of the inputs
 * @param reps timed runs
 * @param denseMs kernel time of dense attention
 * @param sparseMs kernel time of sparse attention
 * @param prepareMs layout changes of the sparse run
 * @param transferMs copies between memories of the sparse run
 * @param speedup denseMs / sparseMs
 * @param idealSpeedup 1 / density
 * @param efficiency speedup · density
 * @param denseGflops GFLOP/s of dense
 * @param sparseGflops GFLOP/s of sparse, counting what it computes
 * @param relL2Error ‖sparse − dense‖ / ‖dense‖
 * @param maxAbsError largest |sparse − dense|
 * @param cosine cosine of the angle between sparse and dense
 * @param massRecall share of the dense softmax probability on attended keys, sampled
 * @param peakExtraMib memory beyond query, key, value and output, MiB
 * @param status ok, or why there is no result: refused, unsupported, failed, wrong
 * @param note in words
 * @param commit revision of the toolkit
 * @param timestamp when, UTC
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@JsonPropertyOrder({
  "model",
  "resolution",
  "frames",
  "latent_frames",
  "patches_per_frame",
  "tokens",
  "batch",
  "heads",
  "kv_heads",
  "head_dim",
  "dtype",
  "sparsity_scale",
  "window",
  "first_frames",
  "key_frame_interval",
  "step",
  "global_frames",
  "attended_min",
  "attended_mean",
  "attended_max",
  "density",
  "backend",
  "device",
  "kernel",
  "input",
  "seed",
  "reps",
  "dense_ms",
  "sparse_ms",
  "prepare_ms",
  "transfer_ms",
  "speedup",
  "ideal_speedup",
  "efficiency",
  "dense_gflops",
  "sparse_gflops",
  "rel_l2_error",
  "max_abs_error",
  "cosine",
  "mass_recall",
  "peak_extra_mib",
  "status",
  "note",
  "commit",
  "timestamp"
})
public record ResultRow(
    String model,
    String resolution,
    int frames,
    int latentFrames,
    int patchesPerFrame,
    int tokens,
    int batch,
    int heads,
    int kvHeads,
    int headDim,
    String dtype,
    double sparsityScale,
    int window,
    int firstFrames,
    int keyFrameInterval,
    int step,
    int globalFrames,
    int attendedMin,
    double attendedMean,
    int attendedMax,
    double density,
    String backend,
    String device,
    String kernel,
    String input,
    long seed,
    int reps,
    Double denseMs,
    Double sparseMs,
    Double prepareMs,
    Double transferMs,
    Double speedup,
    double idealSpeedup,
    Double efficiency,
    Double denseGflops,
    Double sparseGflops,
    Double relL2Error,
    Double maxAbsError,
    Double cosine,
    Double massRecall,
    Double peakExtraMib,
    String status,
    String note,
    String commit,
    String timestamp) {

  /** The status of a measured cell. */
  public static final String OK = "ok";

  /** What tells this cell from the others of its sweep. */
  String key() {
    return String.join(
        " ",
        model,
        resolution,
        Integer.toString(latentFrames),
        Integer.toString(patchesPerFrame),
        Double.toString(sparsityScale),
        backend);
  }

  /** This row with its outcome. */
  ResultRow withStatus(String newStatus, String newNote) {
    return new ResultRow(
        model,
        resolution,
        frames,
        latentFrames,
        patchesPerFrame,
        tokens,
        batch,
        heads,
        kvHeads,
        headDim,
        dtype,
        sparsityScale,
        window,
        firstFrames,
        keyFrameInterval,
        step,
        globalFrames,
        attendedMin,
        attendedMean,
        attendedMax,
        density,
        backend,
        device,
        kernel,
        input,
        seed,
        reps,
        denseMs,
        sparseMs,
        prepareMs,
        transferMs,
        speedup,
        idealSpeedup,
        efficiency,
        denseGflops,
        sparseGflops,
        relL2Error,
        maxAbsError,
        cosine,
        massRecall,
        peakExtraMib,
        newStatus,
        newNote,
        commit,
        timestamp);
  }

  /** This row with what was measured. */
  ResultRow withMeasurement(
      double newDenseMs,
      double newSparseMs,
      double newPrepareMs,
      double newTransferMs,
      double newSpeedup,
      double newEfficiency,
      double newDenseGflops,
      double newSparseGflops,
      Quality quality,
      double newMassRecall,
      double newPeakExtraMib) {
    return new ResultRow(
        model,
        resolution,
        frames,
        latentFrames,
        patchesPerFrame,
        tokens,
        batch,
        heads,
        kvHeads,
        headDim,
        dtype,
        sparsityScale,
        window,
        firstFrames,
        keyFrameInterval,
        step,
        globalFrames,
        attendedMin,
        attendedMean,
        attendedMax,
        density,
        backend,
        device,
        kernel,
        input,
        seed,
        reps,
        newDenseMs,
        newSparseMs,
        newPrepareMs,
        newTransferMs,
        newSpeedup,
        idealSpeedup,
        newEfficiency,
        newDenseGflops,
        newSparseGflops,
        quality.relL2Error(),
        quality.maxAbsError(),
        quality.cosine(),
        newMassRecall,
        newPeakExtraMib,
        status,
        note,
        commit,
        timestamp);
  }
}
