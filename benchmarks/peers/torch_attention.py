#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times PyTorch's attention on the cells of a sweep and appends the rows to its results.csv.

Both sides compute the same attention. Dense is scaled_dot_product_attention (SDPA) over the whole
sequence. Sparse is the published path: query, key and value are [batch, tokens, heads, headDim]; the
keys and values of the global frames are gathered once per step; for each query frame, slices of the
frames in its window that are not global are concatenated behind them, and SDPA runs on transposed
views. Each runs once for each of PyTorch's implementations that can run here (on CUDA cuDNN and
FlashAttention-2).

Measured as the toolkit measures: in rounds of dense and every sparsity scale, every other round
backwards, at least six. The speed-up is the median of the ratios of each round, with its 95 %
interval from order statistics; a cell whose interval is wider than 10 % to either side gets more
rounds, up to --max-seconds.

    benchmarks/peers/torch_attention.py DIR [--reps 5] [--max-seconds 20] [--lvsa ./lvsa]
                                            [--patterns FILE]

Attended frames come from `lvsa pattern`. On a machine without the toolkit give --patterns: the file
is written where lvsa runs, and read where it exists already.
"""
import argparse
import csv
import datetime
import json
import math
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention as sdpa
except ImportError:
    sys.exit("torch is not installed for this Python; the other rows are complete without it")

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
GEOMETRY = ("model", "resolution", "frames", "latent_frames", "patches_per_frame", "tokens", "batch",
            "heads", "kv_heads", "head_dim", "dtype")
PATTERN = ("sparsity_scale", "window", "first_frames", "key_frame_interval", "step", "global_frames",
           "attended_min", "attended_mean", "attended_max", "density", "ideal_speedup")
SPREAD = ("dense_iqr_ms", "sparse_iqr_ms", "speedup_low", "speedup_high", "rounds", "dense_kernel",
          "host")
LEAST_ROUNDS, MOST_ROUNDS, WIDE, LONG_MS = 6, 200, 0.10, 200
CHECKED = {torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 2e-2}


def implementations(device):
    if device == "cpu":
        return {"sdpa": None}
    return {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}


# ---- patterns

def case(row):
    """A line for `lvsa pattern --cases` with the interval that the row says was in force."""
    return {"latentFrames": int(row["latent_frames"]), "patchesPerFrame": 1,
            "window": int(row["window"]), "firstFrames": int(row["first_frames"]),
            "referenceFrames": int(row["latent_frames"]), "sparsityScale": 1.0,
            "keyFrameInterval": int(row["key_frame_interval"]), "step": int(row["step"]),
            "rotateKeyframes": True}


def make_patterns(lvsa, rows):
    cases = [json.dumps(case(row), sort_keys=True) for row in rows]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(line + "\n" for line in cases))
        file.flush()
        made = subprocess.run([lvsa, "pattern", "--cases", file.name], check=True,
                              capture_output=True, text=True).stdout.splitlines()
    return dict(zip(cases, map(json.loads, made), strict=True))


def patterns(arguments, rows):
    file = arguments.patterns
    if file and file.exists():
        return json.loads(file.read_text())
    made = make_patterns(arguments.lvsa, rows)
    if file:
        file.write_text(json.dumps(made))
    return made


def attended(made, row):
    """The global frames, and for every query frame the runs of other frames in its window."""
    key = json.dumps(case(row), sort_keys=True)
    if key not in made:
        raise ValueError(f"no pattern for {row['latent_frames']} latent frames, scale "
                         f"{row['sparsity_scale']}: make --patterns anew")
    pattern = made[key]
    everywhere = sorted(pattern["globalFrames"])
    windows = []
    for low, high in pattern["windowBounds"]:
        runs = []
        for frame in range(low, high + 1):
            if frame in everywhere:
                continue
            if runs and runs[-1][1] == frame:
                runs[-1][1] = frame + 1
            else:
                runs.append([frame, frame + 1])
        windows.append(runs)
    counts = [len(everywhere) + sum(end - begin for begin, end in runs) for runs in windows]
    if counts != pattern["attendedPerFrame"] or \
            abs(statistics.mean(counts) - float(row["attended_mean"])) > 1e-9:
        raise ValueError(f"lvsa pattern gives other frames than row {row['frames']} has")
    return everywhere, windows


# ---- attention; everything is [batch, tokens, heads, headDim]

def attend(q, k, v):
    gqa = q.shape[2] != k.shape[2]
    return sdpa(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), enable_gqa=gqa).transpose(
        1, 2)


def slices(x, runs, patches):
    return [x[:, begin * patches:end * patches] for begin, end in runs]


def per_frame(q, k, v, everywhere, windows, patches):
    runs = [[frame, frame + 1] for frame in everywhere]
    global_k = torch.cat(slices(k, runs, patches), 1)
    global_v = torch.cat(slices(v, runs, patches), 1)
    out = []
    for frame, window in enumerate(windows):
        keys = torch.cat([global_k, *slices(k, window, patches)], 1) if window else global_k
        values = torch.cat([global_v, *slices(v, window, patches)], 1) if window else global_v
        out.append(attend(q[:, frame * patches:(frame + 1) * patches], keys, values))
    return torch.cat(out, 1)


def check(out, q, k, v, everywhere, windows, patches):
    """The last queries of the last head against plain attention over keys gathered by index."""
    frames = sorted(set(everywhere) | {f for run in windows[-1] for f in range(*run)})
    index = torch.cat([torch.arange(f * patches, (f + 1) * patches, device=q.device)
                       for f in frames])
    last = slice(-min(patches, 64), None)
    query, key, value = q[:, last, -1].float(), k[:, index, -1].float(), v[:, index, -1].float()
    expected = (query @ key.transpose(1, 2) / math.sqrt(q.shape[3])).softmax(-1) @ value
    error = ((out[:, last, -1].float() - expected).norm() / expected.norm()).item()
    if not error <= CHECKED[q.dtype]:
        raise ValueError(f"the per-frame path is wrong: relative error {error}")


# ---- measuring, as org.lvsa.toolkit.sweep.Rounds does

def milliseconds(run, reps, device):
    times = []
    while not times or (len(times) < reps and sum(times) < LONG_MS):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def interval(values):
    """Median and its 95 % interval: the k-th smallest and largest, 2 P(B(n, 1/2) < k) <= 5 %."""
    n = len(values)
    below, k = 0.5 ** n, 0
    while 2 * below <= 0.05:
        k += 1
        below += math.comb(n, k) * 0.5 ** n
    ordered = sorted(values)
    return statistics.median(values), ordered[k - 1], ordered[n - k]


def iqr(values):
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


class Cell:
    def __init__(self, row, run):
        self.row, self.run = row, run
        self.dense, self.sparse, self.seconds = [], [], 0.0

    def wide(self):
        middle, low, high = interval([d / s for d, s in zip(self.dense, self.sparse)])
        return low < middle * (1 - WIDE) or high > middle * (1 + WIDE)

    def wants_more(self, max_seconds):
        rounds = len(self.sparse)
        return rounds < LEAST_ROUNDS or (
            rounds < MOST_ROUNDS and self.seconds < max_seconds and self.wide())


def measure(dense, cells, arguments, device):
    for run in [dense, *(cell.run for cell in cells)]:
        run()
        milliseconds(run, arguments.reps, device)
    turn = 0
    while active := [cell for cell in cells if cell.wants_more(arguments.max_seconds)]:
        order = [None, *active]
        took = {}
        for cell in reversed(order) if turn % 2 else order:
            start = time.perf_counter()
            took[cell] = milliseconds(cell.run if cell else dense, arguments.reps, device)
            seconds = time.perf_counter() - start
            for one in [cell] if cell else active:
                one.seconds += seconds / (1 if cell else len(active))
        for cell in active:
            cell.dense.append(took[None])
            cell.sparse.append(took[cell])
        turn += 1


# ---- rows

def flops(row, density):
    return 4.0 * int(row["tokens"]) ** 2 * int(row["batch"]) * int(row["heads"]) * \
        int(row["head_dim"]) * density


def result(cell, columns, name, kernel, arguments):
    row = cell.row
    density = float(row["density"])
    dense, sparse = statistics.median(cell.dense), statistics.median(cell.sparse)
    speedup, low, high = interval([d / s for d, s in zip(cell.dense, cell.sparse)])
    note = "dense SDPA; sparse is the published per-frame path"
    if cell.wide():
        note += f"; interval still wider than ±10% after {len(cell.sparse)} rounds " \
                f"(--max-seconds {arguments.max_seconds})"
    out = {c: "" for c in columns}
    out.update({c: row[c] for c in GEOMETRY + PATTERN})
    out.update(
        backend="torch", device=name, kernel=kernel, input="random", seed=1, reps=arguments.reps,
        dense_ms=round(dense, 6), sparse_ms=round(sparse, 6), prepare_ms=0, transfer_ms=0,
        speedup=speedup, efficiency=speedup * density, dense_gflops=flops(row, 1) / dense / 1e6,
        sparse_gflops=flops(row, density) / sparse / 1e6, status="ok", note=note,
        commit=row["commit"],
        timestamp=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        dense_iqr_ms=round(iqr(cell.dense), 6), sparse_iqr_ms=round(iqr(cell.sparse), 6),
        speedup_low=low, speedup_high=high, rounds=len(cell.sparse), dense_kernel=kernel,
        host=socket.gethostname())
    return out


def read(path):
    """The rows and the columns; a file of an older version gets the newer columns, empty."""
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames)
    missing = [c for c in SPREAD if c not in columns]
    if missing:
        columns += missing
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
            writer.writeheader()
            writer.writerows(rows)
        unfinished.replace(path)
    return rows, columns


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--max-seconds", type=float, default=20)
    parser.add_argument("--lvsa", default="./lvsa")
    parser.add_argument("--patterns", type=pathlib.Path)
    arguments = parser.parse_args()
    path = arguments.directory / "results.csv"
    if not path.exists():
        sys.exit(f"no results.csv in {arguments.directory}: run lvsa sweep -o {arguments.directory}")
    rows, columns = read(path)
    rows = [row for row in rows if row["status"] == "ok" and row["backend"] != "torch"]
    made = patterns(arguments, rows)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    geometries = {}
    for row in rows:
        cells = geometries.setdefault(tuple(row[c] for c in GEOMETRY), {})
        cells.setdefault(row["sparsity_scale"], row)
    with path.open("a", newline="") as file, torch.inference_mode():
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        for scales in geometries.values():
            head = next(iter(scales.values()))
            batch, tokens, patches = (int(head[c]) for c in ("batch", "tokens", "patches_per_frame"))
            torch.manual_seed(1)
            q, k, v = (torch.randn((batch, tokens, int(head[heads]), int(head["head_dim"])),
                                   device=device).to(DTYPES[head["dtype"]])
                       for heads in ("heads", "kv_heads", "kv_heads"))
            for kernel, backend in implementations(device).items():
                with sdpa_kernel(backend) if backend else torch.no_grad():
                    cells = []
                    for row in scales.values():
                        frames = attended(made, row)
                        check(per_frame(q, k, v, *frames, patches), q, k, v, *frames, patches)
                        cells.append(Cell(
                            row, lambda frames=frames: per_frame(q, k, v, *frames, patches)))
                    measure(lambda: attend(q, k, v), cells, arguments, device)
                for cell in cells:
                    out = result(cell, columns, name, f"torch-{torch.__version__}-{kernel}",
                                 arguments)
                    writer.writerow(out)
                    file.flush()
                    print(f"{out['model']} {out['frames']} frames, scale {out['sparsity_scale']}, "
                          f"{kernel}: dense {out['dense_ms']:.1f} ms, per frame "
                          f"{out['sparse_ms']:.1f} ms, {out['speedup']:.2f} times as fast "
                          f"[{out['speedup_low']:.2f}, {out['speedup_high']:.2f}]", flush=True)


if __name__ == "__main__":
    main()
