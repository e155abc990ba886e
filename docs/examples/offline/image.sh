#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A picture, which is a video of one frame, without a server: FOLDER/frame-00000.png.
#
#   docs/examples/offline/image.sh DIR PROMPT FOLDER [OPTION of lvsa generate ...]
set -euo pipefail
[ $# -ge 3 ] || { sed -n '5p' "$0" | cut -c3- >&2; exit 2; }
exec "$(dirname "$0")/../../../lvsa" generate --model "$1" --prompt "$2" --frames 1 --output-type png -o "$3" "${@:4}"
