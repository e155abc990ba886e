#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times forward passes of a transformer of Wan 1.3B's sizes in PyTorch, with random weights.

The model is written with torch modules: linear layers, layer and RMS norms, GELU, rotary embedding,
bf16 weights and activations and a float32 stream between the blocks' parts where the published model
has one. Dense self-attention is SDPA on cuDNN. With a file of attended frames it is the published
per-frame path: keys and values of the attended frames are concatenated for each query frame.

    benchmarks/peers/torch_wan.py LATENT_FRAMES REPS [FILE]

FILE has a line per latent frame: the frames that it attends to. Prints milliseconds per forward pass
and the peak of allocated memory.
"""
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention as sdpa
except ImportError:
    sys.exit("torch is not installed for this Python")

LAYERS, HEADS, HEAD_DIM, FEED_FORWARD = 30, 12, 128, 8960
WIDTH, ROWS, COLUMNS, TEXT = HEADS * HEAD_DIM, 30, 52, 512
PATCHES = ROWS * COLUMNS
TYPE = torch.bfloat16


def runs(frames):
    joined = []
    for frame in frames:
        if joined and joined[-1][1] == frame:
            joined[-1][1] = frame + 1
        else:
            joined.append([frame, frame + 1])
    return joined


def heads(x):
    return x.unflatten(2, (HEADS, HEAD_DIM)).transpose(1, 2)


def rotate(x, cosine, sine):
    first, second = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((first * cosine - second * sine, first * sine + second * cosine), -1)
    return turned.flatten(-2).to(TYPE)


def attend(q, k, v, attended):
    if attended is None:
        return sdpa(q, k, v)
    out = []
    for frame, parts in enumerate(attended):
        keys = torch.cat([k[:, :, a * PATCHES:b * PATCHES] for a, b in parts], 2)
        values = torch.cat([v[:, :, a * PATCHES:b * PATCHES] for a, b in parts], 2)
        out.append(sdpa(q[:, :, frame * PATCHES:(frame + 1) * PATCHES], keys, values))
    return torch.cat(out, 2)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm_q, self.norm_k = (nn.RMSNorm(WIDTH, eps=1e-6) for _ in range(2))

    def forward(self, x, text, turns, attended):
        q, k, v = self.norm_q(self.q(x)), self.norm_k(self.k(text)), self.v(text)
        q, k, v = heads(q), heads(k), heads(v)
        if turns is not None:
            q, k = rotate(q, *turns), rotate(k, *turns)
        return self.out(attend(q, k, v, attended).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.own, self.cross = Attention(), Attention()
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.up, self.down = nn.Linear(WIDTH, FEED_FORWARD), nn.Linear(FEED_FORWARD, WIDTH)
        self.table = nn.Parameter(torch.randn(6, WIDTH) / WIDTH ** 0.5)

    def forward(self, x, text, time_step, turns, attended):
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.table.float() + time_step).unbind(0)
        inner = (layer_norm(x.float(), (WIDTH,), eps=1e-6) * (1 + scale1) + shift1).to(TYPE)
        x = (x.float() + gate1 * self.own(inner, inner, turns, attended)).to(TYPE)
        x = x + self.cross(self.norm(x.float()).to(TYPE), text, None, None)
        inner = (layer_norm(x.float(), (WIDTH,), eps=1e-6) * (1 + scale2) + shift2).to(TYPE)
        inner = self.down(gelu(self.up(inner), approximate="tanh"))
        return (x.float() + gate2 * inner.float()).to(TYPE)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(64, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.head = nn.Linear(WIDTH, 64)

    def forward(self, patches, text, time_step, turns, attended):
        x = self.embed(patches)
        for block in self.blocks:
            x = block(x, text, time_step, turns, attended)
        return self.head(layer_norm(x.float(), (WIDTH,), eps=1e-6).to(TYPE))


def main():
    frames, reps = int(sys.argv[1]), int(sys.argv[2])
    attended = None
    if len(sys.argv) > 3:
        attended = [runs([int(n) for n in line.split()]) for line in open(sys.argv[3])]
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = Transformer().to(TYPE)
        for block in model.blocks:
            block.norm.float()
        tokens = frames * PATCHES
        patches = torch.randn(1, tokens, 64, dtype=TYPE)
        text = torch.randn(1, TEXT, WIDTH, dtype=TYPE)
        time_step = torch.randn(6, WIDTH) * 0.1
        angles = torch.rand(tokens, HEAD_DIM // 2) * 6
        turns = (angles.cos(), angles.sin())
    times = []
    with torch.inference_mode(), sdpa_kernel([SDPBackend.CUDNN_ATTENTION]):
        for _ in range(reps + 1):
            torch.cuda.synchronize()
            begun = time.perf_counter()
            model(patches, text, time_step, turns, attended)
            torch.cuda.synchronize()
            times.append((time.perf_counter() - begun) * 1e3)
    shown = " ".join(f"{t:.1f}" for t in times[1:])
    print(f"torch {torch.__version__} {frames} latent frames "
          f"{'dense' if attended is None else 'per-frame'}: {shown} ms, peak "
          f"{torch.cuda.max_memory_allocated() >> 20} MiB on {torch.cuda.get_device_name()}")


main()
