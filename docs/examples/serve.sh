#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Serves a model with sparse-window attention and its family's settings:
#
#   docs/examples/serve.sh wan|hunyuan|cogvideox DIR [OPTION of lvsa serve ...]
#
# PORT (8098) and DTYPE (how kernels are given query, key and value: f32, f16, bf16) choose what the name says. Every
# LVSA_* variable that is set already keeps its value; DATA (lvsa-videos) is the folder of the videos.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '5p' "$0" | cut -c3- >&2; exit 2; }
family=$1
model=$2
shift 2

case $family in # the latent frames that a family was trained with, and whether keyframes move
  wan) reference=21 rotate=1 ;;
  hunyuan) reference=33 rotate=1 ;;
  cogvideox) reference=13 rotate=1 ;;
  *) echo "serve.sh: the family must be wan, hunyuan or cogvideox, got $family" >&2; exit 2 ;;
esac
export LVSA_REFERENCE_LATENT_FRAMES=${LVSA_REFERENCE_LATENT_FRAMES:-$reference}
export LVSA_ROTATE_KEYFRAMES=${LVSA_ROTATE_KEYFRAMES:-$rotate}
export LVSA_SPARSITY_SCALE=${LVSA_SPARSITY_SCALE:-1.0}
export LVSA_DTYPE=${DTYPE:-${LVSA_DTYPE:-f32}}

exec "$(dirname "$0")/../../lvsa" serve --model "$model" --attention lvsa --port "${PORT:-8098}" \
  --data "${DATA:-lvsa-videos}" "$@"
