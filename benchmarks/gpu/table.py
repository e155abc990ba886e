#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the README's GPU tables as Markdown, from the results of benchmarks/gpu/evidence.

    benchmarks/gpu/table.py DIR

DIR has a folder for each sweep. Times are kernel milliseconds as results.csv has them; a dash stands
where something was not measured.
"""
import csv
import pathlib
import sys

TITLES = {"wan2.1-1.3b": "Wan 1.3B", "hunyuanvideo-1.5": "HunyuanVideo 1.5"}


def read(folder):
    with (folder / "results.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["status"] == "ok"]


def kind(row):
    """Who measured a row: ours, cudnn, or one of PyTorch's implementations."""
    if row["backend"] == "torch":
        return "torch-" + row["kernel"].rsplit("-", 1)[1]
    return row["backend"]


def milliseconds(row, column):
    return f"{float(row[column]):.1f}" if row else "–"


def pair(rows, column):
    return f"{milliseconds(rows.get('torch-cudnn'), column)} / " \
           f"{milliseconds(rows.get('torch-flash'), column)}"


def speedup(row):
    return f"{float(row['speedup']):.2f} ({float(row['speedup_low']):.2f} to " \
           f"{float(row['speedup_high']):.2f})"


def by_cell(rows):
    """Rows by frames and scale, and in it by who measured."""
    cells = {}
    for row in rows:
        if row["sparsity_scale"]:
            cells.setdefault((int(row["frames"]), float(row["sparsity_scale"])), {})[kind(row)] = row
    return dict(sorted(cells.items()))


def model_table(folder):
    rows = read(folder)
    title = TITLES.get(rows[0]["model"], rows[0]["model"])
    print(f"\n{title}, {rows[0]['heads']} heads, {rows[0]['dtype']}, {rows[0]['device']}, commit "
          f"{rows[0]['commit']}\n")
    print("| frames, scale | density | ours dense | **ours sparse** | speed-up (95 % interval) "
          "| efficiency | cudnn backend: dense / sparse | PyTorch dense: cuDNN / FA-2 "
          "| per frame: cuDNN / FA-2 |")
    print("|---|---|---|---|---|---|---|---|---|")
    verdicts = []
    for (frames, scale), cell in by_cell(rows).items():
        ours, library = cell.get("tornado"), cell.get("cudnn")
        if not ours:
            continue
        print(f"| {frames}, {scale:g} | {float(ours['density']):.3f} | "
              f"{milliseconds(ours, 'dense_ms')} | **{milliseconds(ours, 'sparse_ms')}** | "
              f"{speedup(ours)} | {float(ours['efficiency']):.3f} | "
              f"{milliseconds(library, 'dense_ms')} / {milliseconds(library, 'sparse_ms')} | "
              f"{pair(cell, 'dense_ms')} | {pair(cell, 'sparse_ms')} |")
        if scale == 1:
            verdicts.append(verdict(frames, cell))
    print("\n" + "\n".join(verdicts))


def verdict(frames, cell):
    """Who is fastest on the sparse attention of a length, in words."""
    names = {"tornado": "the kernel in Java", "cudnn": "the cudnn backend",
             "torch-cudnn": "PyTorch's per-frame path on cuDNN",
             "torch-flash": "PyTorch's per-frame path on FlashAttention-2"}
    times = sorted((float(row["sparse_ms"]), names[name]) for name, row in cell.items())
    behind = ", ".join(f"{name} takes {time / times[0][0]:.2f} times as long"
                       for time, name in times[1:])
    return f"- {frames} frames: {times[0][1]} is fastest" + (f"; {behind}." if behind else ".")


def portable_table(folder):
    print("\nPortable kernel, float32 arithmetic\n")
    print("| frames | density | dense ms | sparse ms | TFLOP/s dense | TFLOP/s sparse |")
    print("|---|---|---|---|---|---|")
    for row in read(folder):
        print(f"| {row['frames']} | {float(row['density']):.3f} | {milliseconds(row, 'dense_ms')} | "
              f"{milliseconds(row, 'sparse_ms')} | {float(row['dense_gflops']) / 1e3:.1f} | "
              f"{float(row['sparse_gflops']) / 1e3:.1f} |")


def pattern_table(folder):
    print("\nPatterns\n")
    print("| pattern | density | kernel | dense ms | sparse ms | speed-up (95 % interval) "
          "| efficiency | error |")
    print("|---|---|---|---|---|---|---|---|")
    for row in read(folder):
        print(f"| `{row['asked_pattern']}` | {float(row['density']):.3f} | {row['kernel']} | "
              f"{milliseconds(row, 'dense_ms')} | {milliseconds(row, 'sparse_ms')} | {speedup(row)} | "
              f"{float(row['efficiency']):.3f} | {float(row['rel_l2_error']):.3f} |")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    folders = sorted(path.parent for path in directory.glob("*/results.csv"))
    if not folders:
        sys.exit(f"no results in the folders of {directory}: run benchmarks/gpu/evidence first")
    for folder in reversed(folders):
        if folder.name.endswith("-portable"):
            portable_table(folder)
        elif folder.name.endswith("-patterns"):
            pattern_table(folder)
        else:
            model_table(folder)


if __name__ == "__main__":
    main()
