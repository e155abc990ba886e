#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Serves a model with sparse-window attention and its family's settings:
#
#   docs/examples/serve.sh wan|hunyuan|cogvideox DIR [OPTION of lvsa serve ...]
#
# PORT (8098), DTYPE (how kernels are given query, key and value: f32, f16, bf16) and TP (1: ranks that share the weights
# of each layer) choose what the names say. Every LVSA_* variable that is set already keeps its value; DATA (lvsa-videos) is
# the folder of the videos.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '5p' "$0" | cut -c3- >&2; exit 2; }
family=$1
model=$2
shift 2

case $family in # a model's own folder tells the length that it was trained with
  wan) export LVSA_WAN_HOOK=${LVSA_WAN_HOOK:-1} ;;
  hunyuan) export LVSA_HUNYUAN_HOOK=${LVSA_HUNYUAN_HOOK:-1} ;;
  cogvideox) ;; # it has no variable of its own
  *) echo "serve.sh: the family must be wan, hunyuan or cogvideox, got $family" >&2; exit 2 ;;
esac
export LVSA_ROTATE_KEYFRAMES=${LVSA_ROTATE_KEYFRAMES:-1}
export LVSA_SPARSITY_SCALE=${LVSA_SPARSITY_SCALE:-1.0}
export LVSA_DTYPE=${DTYPE:-${LVSA_DTYPE:-f32}}
port=${PORT:-8098}

# What the published scripts say at the start; the secret of ranks stays untold.
echo "[serve] family=$family model=$model port=$port dtype=$LVSA_DTYPE tp=${TP:-1}" >&2
echo "[serve] LVSA env:" >&2
env | grep '^LVSA_\|^DIFFUSION_ATTENTION_BACKEND' | grep -v '^LVSA_RANK_SECRET' | sort >&2

[ "${TP:-1}" = 1 ] || set -- --tensor-parallel-size "$TP" "$@"

exec "$(dirname "$0")/../../lvsa" serve --model "$model" --attention lvsa --port "$port" \
  --data "${DATA:-lvsa-videos}" "$@"
