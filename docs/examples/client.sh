#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Asks a server for a video, waits for it and fetches it, with nothing but curl:
#
#   docs/examples/client.sh PROMPT OUT.mp4 [FIELD=VALUE ...]
#   docs/examples/client.sh 'A cat walks on the grass' cat.mp4 size=832x480 num_frames=81 seed=42
#   docs/examples/client.sh 'It begins to move' moving.mp4 input_reference=@first.png
#
# SERVER (http://127.0.0.1:8098) is asked every POLL (2) seconds, with the key API_KEY where it is set.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '5p' "$0" | cut -c3- >&2; exit 2; }
server=${SERVER:-http://127.0.0.1:8098}
prompt=$1
out=$2
shift 2

ask() { # URL [OPTION of curl ...]: the answer's body; its error on stderr and status 1 where there is one
  local url=$1 body status
  shift
  body=$(curl -sS ${API_KEY:+-H "Authorization: Bearer $API_KEY"} -w '\n%{http_code}' "$@" "$url")
  status=${body##*$'\n'}
  body=${body%$'\n'*}
  if [ "$status" -ge 400 ]; then
    echo "client.sh: HTTP status $status: $body" >&2
    return 1
  fi
  printf '%s' "$body"
}

value() { # NAME: the first value of that name in the JSON on stdin, which has no objects that begin with it
  grep -o "\"$1\":\(\"[^\"]*\"\|[0-9.]*\)" | head -1 | cut -d: -f2- | tr -d '"'
}

fields=(--form-string "prompt=$prompt")
for field; do
  case $field in
    input_reference=*) fields+=(-F "$field") ;;
    *=*) fields+=(--form-string "$field") ;;
    *) echo "client.sh: expected FIELD=VALUE, got $field" >&2; exit 2 ;;
  esac
done

job=$(ask "$server/v1/videos" "${fields[@]}")
id=$(value id <<<"$job")
echo "submitted $id"
while true; do
  job=$(ask "$server/v1/videos/$id")
  status=$(value status <<<"$job")
  echo "$status $(value progress <<<"$job") %"
  case $status in
    completed) break ;;
    failed) echo "client.sh: $job" >&2; exit 1 ;;
  esac
  sleep "${POLL:-2}"
done
curl -sSf ${API_KEY:+-H "Authorization: Bearer $API_KEY"} -o "$out" "$server/v1/videos/$id/content"
echo "$out: $(wc -c <"$out") bytes"
