#!/usr/bin/env python3
"""Checks a sweep's results.csv: at density 1, where the sparse run skips nothing, the interval of the speed-up,
widened by 2 %, has to contain 1. Anything else is a fault of the measurement."""
import csv
import sys

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    rows = [row for row in csv.DictReader(file) if row["status"] == "ok" and float(row["density"]) == 1]
if not rows:
    sys.exit(f"{sys.argv[1]} has no row at density 1")
for row in rows:
    low, high = float(row["speedup_low"]) * 0.98, float(row["speedup_high"]) * 1.02
    name = f"{row['model']} {row['latent_frames']} frames {row['backend']}: speed-up {row['speedup']}"
    if not low <= 1 <= high:
        sys.exit(f"{name} at density 1, and its interval {low:.3f} to {high:.3f} (widened) does not contain 1")
    print(f"{name}, interval contains 1")
