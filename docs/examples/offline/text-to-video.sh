#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A video from a prompt without a server, dense and sparse side by side:
#
#   docs/examples/offline/text-to-video.sh DIR PROMPT OUT.mp4 [OPTION of lvsa generate ...]
set -euo pipefail
[ $# -ge 3 ] || { sed -n '5p' "$0" | cut -c3- >&2; exit 2; }
exec "$(dirname "$0")/../../../lvsa" generate --model "$1" --prompt "$2" --compare --rotate-keyframes -o "$3" "${@:4}"
