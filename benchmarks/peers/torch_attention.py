#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times PyTorch's attention on the cells of a sweep and appends the rows to its results.csv.

For every geometry of the sweep: dense scaled_dot_product_attention, and for every sparsity scale the
per-frame path (each query frame gathers the keys and values of its attended frames and calls
scaled_dot_product_attention), once for each of PyTorch's implementations that runs here. Attended
frames come from `lvsa pattern`, so both sides compute the same attention. Medians of warm runs.

    benchmarks/peers/torch_attention.py DIR [--reps 5] [--lvsa ./lvsa]
"""
import argparse
import csv
import datetime
import json
import pathlib
import statistics
import subprocess
import sys
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


def implementations(device):
    if device == "cpu":
        return {"sdpa": None}
    return {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}


def attended(lvsa, row):
    """The attended frames of every query frame, as the toolkit's own pattern engine gives them."""
    command = [lvsa, "pattern", "--latent-frames", row["latent_frames"], "--patches-per-frame",
               row["patches_per_frame"], "--window", row["window"], "--first-frames",
               row["first_frames"], "--key-frame-interval", row["key_frame_interval"],
               "--reference-frames", row["latent_frames"], "--sparsity-scale", row["sparsity_scale"],
               "--step", row["step"], "--rotate-keyframes", "--format", "json"]
    pattern = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    frames = [sorted(set(pattern["globalFrames"]) | set(range(low, high + 1)))
              for low, high in pattern["windowBounds"]]
    if list(map(len, frames)) != pattern["attendedPerFrame"] or \
            abs(statistics.mean(map(len, frames)) - float(row["attended_mean"])) > 1e-9:
        raise ValueError(f"lvsa pattern gives other frames than row {row['frames']} has")
    return frames


def token_indices(frames, patches, device):
    """The tokens of each query frame's attended frames; made once, as a pattern is."""
    return [torch.cat([torch.arange(f * patches, (f + 1) * patches, device=device) for f in keys])
            for keys in frames]


def per_frame(q, k, v, indices, patches):
    out = torch.empty_like(q)
    for frame, index in enumerate(indices):
        rows = slice(frame * patches, (frame + 1) * patches)
        out[:, :, rows] = sdpa(q[:, :, rows], k[:, :, index], v[:, :, index])
    return out


def median_ms(run, reps, device):
    times = []
    for i in range(reps + 1):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[1:])


def flops(row, density):
    return 4.0 * int(row["tokens"]) ** 2 * int(row["heads"]) * int(row["head_dim"]) * density


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--lvsa", default="./lvsa")
    arguments = parser.parse_args()
    path = arguments.directory / "results.csv"
    if not path.exists():
        sys.exit(f"no results.csv in {arguments.directory}: run lvsa sweep -o {arguments.directory}")
    with path.open() as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames
        rows = [row for row in reader if row["status"] == "ok" and row["backend"] != "torch"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    geometries = {}
    for row in rows:
        cells = geometries.setdefault(tuple(row[c] for c in GEOMETRY), {})
        cells.setdefault(row["sparsity_scale"], row)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        for geometry, cells in geometries.items():
            head = next(iter(cells.values()))
            shape = (int(head["batch"]), int(head["heads"]), int(head["tokens"]),
                     int(head["head_dim"]))
            torch.manual_seed(1)
            q, k, v = (torch.randn(shape, device=device, dtype=torch.float32).to(
                DTYPES[head["dtype"]]) for _ in range(3))
            for kernel, backend in implementations(device).items():
                with sdpa_kernel(backend) if backend else torch.no_grad():
                    dense = median_ms(lambda: sdpa(q, k, v), arguments.reps, device)
                    for cell in cells.values():
                        patches = int(cell["patches_per_frame"])
                        indices = token_indices(attended(arguments.lvsa, cell), patches, device)
                        sparse = median_ms(lambda: per_frame(q, k, v, indices, patches),
                                           arguments.reps, device)
                        density = float(cell["density"])
                        out = {c: "" for c in columns}
                        out.update({c: cell[c] for c in GEOMETRY + PATTERN})
                        out.update(
                            backend="torch", device=name, kernel=f"torch-{torch.__version__}-{kernel}",
                            input="random", seed=1, reps=arguments.reps, dense_ms=round(dense, 6),
                            sparse_ms=round(sparse, 6), prepare_ms=0, transfer_ms=0,
                            speedup=dense / sparse, efficiency=dense / sparse * density,
                            dense_gflops=flops(cell, 1) / dense / 1e6,
                            sparse_gflops=flops(cell, density) / sparse / 1e6, status="ok",
                            note="dense SDPA; sparse is the per-frame path", commit=cell["commit"],
                            timestamp=datetime.datetime.now(datetime.timezone.utc).strftime(
                                "%Y-%m-%dT%H:%M:%SZ"))
                        writer.writerow(out)
                        file.flush()
                        print(f"{cell['model']} {cell['frames']} frames, scale "
                              f"{cell['sparsity_scale']}, {kernel}: dense {dense:.1f} ms, per frame "
                              f"{sparse:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
