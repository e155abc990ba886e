#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's attention as a contestant of `./lvsa bench --peers`, which starts it.

Reads one line of JSON (sizes and the pattern), says in one line what it is, and from then on answers
each line, dense or sparse, with the milliseconds that it took on the clock and in CPU time. Dense is
scaled_dot_product_attention over the whole sequence, sparse the published per-frame path, both as
torch_attention.py has them.
"""
import json
import os
import statistics
import sys
import time

import torch

from torch_attention import DTYPES, attend, check, per_frame

WARM_SECONDS, LONG_MS, MOST_RUNS = 3, 600, 5


def runs(windows):
    """The frames of each window as runs [begin, end)."""
    found = []
    for frames in windows:
        found.append([])
        for frame in frames:
            if found[-1] and found[-1][-1][1] == frame:
                found[-1][-1][1] = frame + 1
            else:
                found[-1].append([frame, frame + 1])
    return found


def median(work):
    clock, cpu = [], []
    while not clock or (len(clock) < MOST_RUNS and sum(clock) < LONG_MS):
        begin, busy = time.perf_counter(), time.process_time()
        work()
        clock.append((time.perf_counter() - begin) * 1e3)
        cpu.append((time.process_time() - busy) * 1e3)
    return f"{statistics.median(clock):.3f} {statistics.median(cpu):.3f}"


def draw(told, tokens):
    return [torch.randn((1, tokens, told["heads"], told["headDim"])).to(DTYPES[told["dtype"]])
            for _ in range(3)]


def main():
    told = json.loads(sys.stdin.readline())
    torch.set_num_threads(told["threads"])
    torch.manual_seed(1)
    patches, everywhere, windows = told["patches"], told["globalFrames"], runs(told["windowFrames"])
    with torch.inference_mode():
        few = draw(told, min(told["tokens"], 2400))
        begin = time.perf_counter()
        while time.perf_counter() - begin < WARM_SECONDS:
            attend(*few)
        q, k, v = draw(told, told["tokens"])
        work = {"dense": lambda: attend(q, k, v),
                "sparse": lambda: per_frame(q, k, v, everywhere, windows, patches)}
        check(work["sparse"](), q, k, v, everywhere, windows, patches)
        described = (f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}, "
                     f"{torch.get_num_threads()} threads")
        asked = [f"{name}={os.environ[name]}" for name in told["variables"] if name in os.environ]
        print(json.dumps({"kernel": " ".join([described, *asked])}), flush=True)
        for line in sys.stdin:
            print(median(work[line.strip()]), flush=True)


if __name__ == "__main__":
    main()
