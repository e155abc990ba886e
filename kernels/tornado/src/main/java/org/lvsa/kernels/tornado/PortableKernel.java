// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Fused block-sparse attention that TornadoVM compiles for any of its devices: float32, online
 * softmax (FlashAttention's recurrence), keys and values staged in local memory.
 *
 * <p>A work-group of 256 threads, 16 × 16, computes {@value #QUERIES} queries of one head against
 * {@value #KEYS} keys at a time. Thread (x, y) holds the scores of queries 4y … 4y+3 with keys x
 * and x + 16, and the output of those queries at elements x, x + 16, … x + 112. The accumulators
 * are scalars because arrays do not stay in registers. Copies take no bounds tests: a row beyond
 * the last one is the last one again, and its result is not written. Four loads come before the
 * first store: in TornadoVM's CUDA text a load may read what a store to local memory wrote, so that
 * the device's compiler leaves them in the order in which they stand here, and each waits for the
 * one before. Local memory: 40 KiB of the 48 that there are.
 */
final class PortableKernel {
  /** Threads of a work-group. */
  static final int THREADS = 256;

  /** Threads in groups of 32: each copies a row at a time. */
  private static final int WARPS = THREADS / 32;

  /** Queries of a work-group. */
  static final int QUERIES = 64;

  /** Keys of a tile. */
  static final int KEYS = 32;

  /** The largest headDim. */
  static final int MAX_HEAD_DIM = 128;

  /** Elements of a head that are staged at once for the scores. */
  private static final int SLICE = 32;

  /** Row of a staged tile: one more than its elements, so that a column spreads over the banks. */
  private static final int PITCH = SLICE + 1;

  /** Where a row's maximum starts: the lowest finite number, so that no difference is NaN. */
  private static final float LOWEST = -3.4028235e38f;

  private PortableKernel() {}

  /**
   * The kernel. Group x is a tile of queries, group y is {@code sequence · heads + head}.
   *
   * @param tiles where the tiles of each head begin; four numbers per tile: first query, number of
   *     queries, first run, run after the last
   * @param runs three numbers per run: first token, number of tokens, and one that is not read here
   */
  static void attend(
      KernelContext context,
      FloatArray query,
      FloatArray key,
      FloatArray value,
      FloatArray out,
      FloatArray logSumExp,
      IntArray tiles,
      IntArray runs,
      int tokens,
      int heads,
      int kvHeads,
      int headDim,
      float scale) {
    float[] queryTile = context.allocateFloatLocalArray(QUERIES * PITCH);
    float[] keyTile = context.allocateFloatLocalArray(KEYS * PITCH);
    float[] valueTile = context.allocateFloatLocalArray(KEYS * MAX_HEAD_DIM);
    float[] weights = context.allocateFloatLocalArray(QUERIES * PITCH);
    float[] max = context.allocateFloatLocalArray(QUERIES);
    float[] sum = context.allocateFloatLocalArray(QUERIES);
    float[] factor = context.allocateFloatLocalArray(QUERIES);

    float[] parts = context.allocateFloatLocalArray(THREADS);
    float[] totals = context.allocateFloatLocalArray(THREADS);

    int thread = context.localIdx;
    int lane = thread & 31;
    int warp = thread >> 5;
    int softRow = thread >> 2;
    int quarter = (thread & 3) * (KEYS / 4);
    int x = thread & 15;
    int row = (thread >> 4) * 4;
    int head = context.groupIdy % heads;
    int tile = tiles.get(head) + context.groupIdx * 4;
    int sequence = context.groupIdy / heads;
    int kvHead = head / (heads / kvHeads);
    int firstQuery = tiles.get(tile);
    int queries = tiles.get(tile + 1);
    int lastRow = TornadoMath.max(queries - 1, 0);
    int lastRun = tiles.get(tile + 3);
    int queryBase = ((sequence * tokens + firstQuery) * heads + head) * headDim;
    int queryStride = heads * headDim;
    int keyStride = kvHeads * headDim;

    float o00 = 0f;
    float o01 = 0f;
    float o02 = 0f;
    float o03 = 0f;
    float o04 = 0f;
    float o05 = 0f;
    float o06 = 0f;
    float o07 = 0f;
    float o10 = 0f;
    float o11 = 0f;
    float o12 = 0f;
    float o13 = 0f;
    float o14 = 0f;
    float o15 = 0f;
    float o16 = 0f;
    float o17 = 0f;
    float o20 = 0f;
    float o21 = 0f;
    float o22 = 0f;
    float o23 = 0f;
    float o24 = 0f;
    float o25 = 0f;
    float o26 = 0f;
    float o27 = 0f;
    float o30 = 0f;
    float o31 = 0f;
    float o32 = 0f;
    float o33 = 0f;
    float o34 = 0f;
    float o35 = 0f;
    float o36 = 0f;
    float o37 = 0f;
    if (thread < QUERIES) {
      max[thread] = LOWEST;
      sum[thread] = 0f;
    }

    for (int run = tiles.get(tile + 2); run < lastRun; run++) {
      int firstKey = runs.get(3 * run);
      int runKeys = runs.get(3 * run + 1);
      for (int done = 0; done < runKeys; done += KEYS) {
        int keys = TornadoMath.min(KEYS, runKeys - done);
        int keyBase = ((sequence * tokens + firstKey + done) * kvHeads + kvHead) * headDim;

        float s00 = 0f;
        float s01 = 0f;
        float s10 = 0f;
        float s11 = 0f;
        float s20 = 0f;
        float s21 = 0f;
        float s30 = 0f;
        float s31 = 0f;
        for (int slice = 0; slice < headDim; slice += SLICE) {
          context.localBarrier();
          int d0 = slice + lane;
          boolean inside = d0 < headDim;
          for (int at = warp; at < QUERIES; at += 4 * WARPS) {
            float q0 = 0f;
            float q1 = 0f;
            float q2 = 0f;
            float q3 = 0f;
            if (inside) {
              int from = queryBase + d0;
              q0 = query.get(from + TornadoMath.min(at, lastRow) * queryStride);
              q1 = query.get(from + TornadoMath.min(at + WARPS, lastRow) * queryStride);
              q2 = query.get(from + TornadoMath.min(at + 2 * WARPS, lastRow) * queryStride);
              q3 = query.get(from + TornadoMath.min(at + 3 * WARPS, lastRow) * queryStride);
            }
            int to = at * PITCH + lane;
            queryTile[to] = q0;
            queryTile[to + WARPS * PITCH] = q1;
            queryTile[to + 2 * WARPS * PITCH] = q2;
            queryTile[to + 3 * WARPS * PITCH] = q3;
          }
          float k0 = 0f;
          float k1 = 0f;
          float k2 = 0f;
          float k3 = 0f;
          if (inside) {
            int from = keyBase + d0;
            k0 = key.get(from + TornadoMath.min(warp, keys - 1) * keyStride);
            k1 = key.get(from + TornadoMath.min(warp + WARPS, keys - 1) * keyStride);
            k2 = key.get(from + TornadoMath.min(warp + 2 * WARPS, keys - 1) * keyStride);
            k3 = key.get(from + TornadoMath.min(warp + 3 * WARPS, keys - 1) * keyStride);
          }
          int keyTo = warp * PITCH + lane;
          keyTile[keyTo] = k0;
          keyTile[keyTo + WARPS * PITCH] = k1;
          keyTile[keyTo + 2 * WARPS * PITCH] = k2;
          keyTile[keyTo + 3 * WARPS * PITCH] = k3;
          context.localBarrier();
          for (int d = 0; d < SLICE; d++) {
            float keyA = keyTile[x * PITCH + d];
            float keyB = keyTile[(x + 16) * PITCH + d];
            float q0 = queryTile[row * PITCH + d];
            float q1 = queryTile[(row + 1) * PITCH + d];
            float q2 = queryTile[(row + 2) * PITCH + d];
            float q3 = queryTile[(row + 3) * PITCH + d];
            s00 += q0 * keyA;
            s01 += q0 * keyB;
            s10 += q1 * keyA;
            s11 += q1 * keyB;
            s20 += q2 * keyA;
            s21 += q2 * keyB;
            s30 += q3 * keyA;
            s31 += q3 * keyB;
          }
        }
        weights[row * PITCH + x] = s00 * scale;
        weights[row * PITCH + x + 16] = s01 * scale;
        weights[(row + 1) * PITCH + x] = s10 * scale;
        weights[(row + 1) * PITCH + x + 16] = s11 * scale;
        weights[(row + 2) * PITCH + x] = s20 * scale;
        weights[(row + 2) * PITCH + x + 16] = s21 * scale;
        weights[(row + 3) * PITCH + x] = s30 * scale;
        weights[(row + 3) * PITCH + x + 16] = s31 * scale;
        for (int d = lane; d < headDim; d += 32) {
          int from = keyBase + d;
          float v0 = value.get(from + TornadoMath.min(warp, keys - 1) * keyStride);
          float v1 = value.get(from + TornadoMath.min(warp + WARPS, keys - 1) * keyStride);
          float v2 = value.get(from + TornadoMath.min(warp + 2 * WARPS, keys - 1) * keyStride);
          float v3 = value.get(from + TornadoMath.min(warp + 3 * WARPS, keys - 1) * keyStride);
          int to = warp * MAX_HEAD_DIM + d;
          valueTile[to] = v0;
          valueTile[to + WARPS * MAX_HEAD_DIM] = v1;
          valueTile[to + 2 * WARPS * MAX_HEAD_DIM] = v2;
          valueTile[to + 3 * WARPS * MAX_HEAD_DIM] = v3;
        }
        context.localBarrier();
        // Four threads to a row, each with a quarter of the keys.
        int quarterEnd = TornadoMath.min(quarter + KEYS / 4, keys);
        float before = max[softRow];
        float highest = before;
        for (int j = quarter; j < quarterEnd; j++) {
          highest = TornadoMath.max(highest, weights[softRow * PITCH + j]);
        }
        parts[thread] = highest;
        context.localBarrier();
        highest =
            TornadoMath.max(
                TornadoMath.max(parts[4 * softRow], parts[4 * softRow + 1]),
                TornadoMath.max(parts[4 * softRow + 2], parts[4 * softRow + 3]));
        float total = 0f;
        for (int j = quarter; j < quarterEnd; j++) {
          float weight = TornadoMath.exp(weights[softRow * PITCH + j] - highest);
          weights[softRow * PITCH + j] = weight;
          total += weight;
        }
        totals[thread] = total;
        if (quarter == 0) {
          factor[softRow] = TornadoMath.exp(before - highest);
          max[softRow] = highest;
        }
        context.localBarrier();
        if (quarter == 0) {
          sum[softRow] =
              sum[softRow] * factor[softRow]
                  + (total + totals[thread + 1] + totals[thread + 2] + totals[thread + 3]);
        }
        float f0 = factor[row];
        float f1 = factor[row + 1];
        float f2 = factor[row + 2];
        float f3 = factor[row + 3];
        o00 *= f0;
        o01 *= f0;
        o02 *= f0;
        o03 *= f0;
        o04 *= f0;
        o05 *= f0;
        o06 *= f0;
        o07 *= f0;
        o10 *= f1;
        o11 *= f1;
        o12 *= f1;
        o13 *= f1;
        o14 *= f1;
        o15 *= f1;
        o16 *= f1;
        o17 *= f1;
        o20 *= f2;
        o21 *= f2;
        o22 *= f2;
        o23 *= f2;
        o24 *= f2;
        o25 *= f2;
        o26 *= f2;
        o27 *= f2;
        o30 *= f3;
        o31 *= f3;
        o32 *= f3;
        o33 *= f3;
        o34 *= f3;
        o35 *= f3;
        o36 *= f3;
        o37 *= f3;
        for (int j = 0; j < keys; j++) {
          float w0 = weights[row * PITCH + j];
          float w1 = weights[(row + 1) * PITCH + j];
          float w2 = weights[(row + 2) * PITCH + j];
          float w3 = weights[(row + 3) * PITCH + j];
          int at = j * MAX_HEAD_DIM + x;
          float v0 = valueTile[at];
          o00 += w0 * v0;
          o10 += w1 * v0;
          o20 += w2 * v0;
          o30 += w3 * v0;
          float v1 = valueTile[at + 16];
          o01 += w0 * v1;
          o11 += w1 * v1;
          o21 += w2 * v1;
          o31 += w3 * v1;
          float v2 = valueTile[at + 32];
          o02 += w0 * v2;
          o12 += w1 * v2;
          o22 += w2 * v2;
          o32 += w3 * v2;
          float v3 = valueTile[at + 48];
          o03 += w0 * v3;
          o13 += w1 * v3;
          o23 += w2 * v3;
          o33 += w3 * v3;
          float v4 = valueTile[at + 64];
          o04 += w0 * v4;
          o14 += w1 * v4;
          o24 += w2 * v4;
          o34 += w3 * v4;
          float v5 = valueTile[at + 80];
          o05 += w0 * v5;
          o15 += w1 * v5;
          o25 += w2 * v5;
          o35 += w3 * v5;
          float v6 = valueTile[at + 96];
          o06 += w0 * v6;
          o16 += w1 * v6;
          o26 += w2 * v6;
          o36 += w3 * v6;
          float v7 = valueTile[at + 112];
          o07 += w0 * v7;
          o17 += w1 * v7;
          o27 += w2 * v7;
          o37 += w3 * v7;
        }
      }
    }

    // Keys whose scores are all −∞ have the sum 0, and 1/0 makes their output NaN.
    boolean anyKeys = tiles.get(tile + 2) < lastRun;
    context.localBarrier();
    if (row < queries) {
      float inverse0 = 0f;
      if (anyKeys) {
        inverse0 = 1f / sum[row];
      }
      int at0 = queryBase + (row) * queryStride + x;
      if (x < headDim) {
        out.set(at0, o00 * inverse0);
      }
      if (x + 16 < headDim) {
        out.set(at0 + 16, o01 * inverse0);
      }
      if (x + 32 < headDim) {
        out.set(at0 + 32, o02 * inverse0);
      }
      if (x + 48 < headDim) {
        out.set(at0 + 48, o03 * inverse0);
      }
      if (x + 64 < headDim) {
        out.set(at0 + 64, o04 * inverse0);
      }
      if (x + 80 < headDim) {
        out.set(at0 + 80, o05 * inverse0);
      }
      if (x + 96 < headDim) {
        out.set(at0 + 96, o06 * inverse0);
      }
      if (x + 112 < headDim) {
        out.set(at0 + 112, o07 * inverse0);
      }
    }
    if (row + 1 < queries) {
      float inverse1 = 0f;
      if (anyKeys) {
        inverse1 = 1f / sum[row + 1];
      }
      int at1 = queryBase + (row + 1) * queryStride + x;
      if (x < headDim) {
        out.set(at1, o10 * inverse1);
      }
      if (x + 16 < headDim) {
        out.set(at1 + 16, o11 * inverse1);
      }
      if (x + 32 < headDim) {
        out.set(at1 + 32, o12 * inverse1);
      }
      if (x + 48 < headDim) {
        out.set(at1 + 48, o13 * inverse1);
      }
      if (x + 64 < headDim) {
        out.set(at1 + 64, o14 * inverse1);
      }
      if (x + 80 < headDim) {
        out.set(at1 + 80, o15 * inverse1);
      }
      if (x + 96 < headDim) {
        out.set(at1 + 96, o16 * inverse1);
      }
      if (x + 112 < headDim) {
        out.set(at1 + 112, o17 * inverse1);
      }
    }
    if (row + 2 < queries) {
      float inverse2 = 0f;
      if (anyKeys) {
        inverse2 = 1f / sum[row + 2];
      }
      int at2 = queryBase + (row + 2) * queryStride + x;
      if (x < headDim) {
        out.set(at2, o20 * inverse2);
      }
      if (x + 16 < headDim) {
        out.set(at2 + 16, o21 * inverse2);
      }
      if (x + 32 < headDim) {
        out.set(at2 + 32, o22 * inverse2);
      }
      if (x + 48 < headDim) {
        out.set(at2 + 48, o23 * inverse2);
      }
      if (x + 64 < headDim) {
        out.set(at2 + 64, o24 * inverse2);
      }
      if (x + 80 < headDim) {
        out.set(at2 + 80, o25 * inverse2);
      }
      if (x + 96 < headDim) {
        out.set(at2 + 96, o26 * inverse2);
      }
      if (x + 112 < headDim) {
        out.set(at2 + 112, o27 * inverse2);
      }
    }
    if (row + 3 < queries) {
      float inverse3 = 0f;
      if (anyKeys) {
        inverse3 = 1f / sum[row + 3];
      }
      int at3 = queryBase + (row + 3) * queryStride + x;
      if (x < headDim) {
        out.set(at3, o30 * inverse3);
      }
      if (x + 16 < headDim) {
        out.set(at3 + 16, o31 * inverse3);
      }
      if (x + 32 < headDim) {
        out.set(at3 + 32, o32 * inverse3);
      }
      if (x + 48 < headDim) {
        out.set(at3 + 48, o33 * inverse3);
      }
      if (x + 64 < headDim) {
        out.set(at3 + 64, o34 * inverse3);
      }
      if (x + 80 < headDim) {
        out.set(at3 + 80, o35 * inverse3);
      }
      if (x + 96 < headDim) {
        out.set(at3 + 96, o36 * inverse3);
      }
      if (x + 112 < headDim) {
        out.set(at3 + 112, o37 * inverse3);
      }
    }
    if (thread < queries) {
      // A sum of 0, of no keys or of scores of −∞ alone, gives log 0 = −∞.
      float result = max[thread] + TornadoMath.log(sum[thread]);
      logSumExp.set((sequence * tokens + firstQuery + thread) * heads + head, result);
    }
  }
}
