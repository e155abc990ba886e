#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What Spark adds: the same grid by a local sweep held to one core, and by two workers of one core each.
#
#   benchmarks/spark/overhead.sh GROUPS RESULTS.csv     # appends one pair; call it again for more
#   benchmarks/spark/overhead.sh --report RESULTS.csv   # pairs, and how far Spark is above half
#
# A group is one geometry of 21 latent frames and more, 390 patches, one head: some 8 s on one core. The two workers are
# pinned to the cores 0 and 1, the local sweep to core 0; the driver is free. The cluster runs before the clock
# starts, as a cluster does.
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)

report() { # FILE: medians of a number of groups, with the least and the most
  awk -F, 'NR > 1 { over = 100 * ($3 / ($2 / 2) - 1); n[$1]++; all[$1] = all[$1] " " over
      printf "%s groups: local %s s, Spark %s s, %.1f %% above half\n", $1, $2, $3, over }
    END { for (g in n) { m = split(substr(all[g], 2), v, " ")
        for (i = 2; i <= m; i++) for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
        middle = m % 2 ? v[(m + 1) / 2] : (v[m / 2] + v[m / 2 + 1]) / 2
        printf "%s groups, %d pairs: %.1f %% above half [%.1f, %.1f], %s\n", g, m, middle, v[1], v[m],
          middle <= 15 ? "within 15 %" : "MORE THAN 15 %" } }' "$1"
}

usage() {
  echo "overhead.sh: $1; usage: overhead.sh GROUPS RESULTS.csv, or overhead.sh --report RESULTS.csv" >&2
  exit 2
}
[ $# = 2 ] || usage "two arguments are needed, got $#"
if [ "$1" = --report ]; then
  [ -f "$2" ] || usage "$2 is not a file"
  report "$2"
  exit
fi
[[ $1 =~ ^[1-9][0-9]?$ ]] || usage "GROUPS must be 1 to 99, got $1"
groups=$1 results=$2
jdk=${JAVA_HOME:?is the JDK 25}

work=$(mktemp -d)
started=()
finish() {
  local pid
  for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT

spark=$home/benchmarks/spark/target/spark
[ -d "$spark/jars" ] || usage "there is no $spark; a first ./lvsa sweep --master local[1] builds it"
export SPARK_LOCAL_IP=127.0.0.1 SPARK_HOME=$spark SPARK_SCALA_VERSION=2.13
flags=(--add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow
  -Dorg.slf4j.simpleLogger.defaultLogLevel=info)
daemon() { # LOG COMMAND...
  "${@:2}" >"$1" 2>&1 &
  started+=($!)
}
await() { # LOG WORDS: until a daemon has said them
  local i
  for ((i = 0; i < 300; i++)); do
    ! grep -q "$2" "$1" || return 0
    sleep 0.2
  done
  echo "overhead.sh: $1 does not say '$2':" >&2
  tail -5 "$1" >&2
  exit 1
}
daemon "$work/master.log" "$jdk/bin/java" "${flags[@]}" -cp "$spark/jars/*" \
  org.apache.spark.deploy.master.Master --host 127.0.0.1 --port 17077 --webui-port 0
await "$work/master.log" 'Starting Spark master'
for core in 0 1; do
  daemon "$work/worker$core.log" taskset -c "$core" "$jdk/bin/java" "${flags[@]}" -cp "$spark/jars/*" \
    org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --cores 1 --memory 2g --webui-port 0 \
    --work-dir "$work/worker$core" spark://127.0.0.1:17077
  await "$work/worker$core.log" 'Successfully registered with master'
done

frames=$(seq -s, 21 $((20 + groups)))
grid=(--latent-frames "$frames" --patches-per-frame 390 --heads 1 --sparsity-scales 0.5 --reps 3 --max-seconds 2)
seconds() { # DIRECTORY COMMAND...: how long it takes, if every cell was measured
  local start end ok
  start=$(date +%s.%N)
  "${@:2}" -o "$1" >"$1.log" 2>&1 || { tail -5 "$1.log" >&2; exit 1; }
  end=$(date +%s.%N)
  ok=$(grep -c ',ok,' "$1/results.csv")
  [ "$ok" = "$groups" ] || { echo "overhead.sh: $ok cells of $groups were measured in $1" >&2; exit 1; }
  awk -v a="$start" -v b="$end" 'BEGIN { printf "%.1f", b - a }'
}
local_s=$(seconds "$work/local" taskset -c 0 "$home/lvsa" sweep "${grid[@]}")
spark_s=$(seconds "$work/spark" "$home/lvsa" sweep "${grid[@]}" --master spark://127.0.0.1:17077 \
  --conf spark.executor.cores=1 --conf spark.executor.memory=1g)
[ -f "$results" ] || echo 'groups,local_s,spark_s,commit,timestamp' >"$results"
echo "$groups,$local_s,$spark_s,$(git -C "$home" rev-parse --short=12 HEAD),$(date -u +%FT%TZ)" >>"$results"
report "$results"
