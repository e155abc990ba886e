#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A video that begins with a picture, without a server; DIR is a model of the image-to-video kind:
#
#   docs/examples/offline/image-to-video.sh DIR PICTURE PROMPT OUT.mp4 [OPTION of lvsa generate ...]
set -euo pipefail
[ $# -ge 4 ] || { sed -n '5p' "$0" | cut -c3- >&2; exit 2; }
exec "$(dirname "$0")/../../../lvsa" generate --model "$1" --image "$2" --prompt "$3" --attention lvsa -o "$4" "${@:5}"
