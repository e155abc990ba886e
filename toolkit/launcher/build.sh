# SPDX-License-Identifier: Apache-2.0
# Builds what ./lvsa starts, when it is missing or older than its sources. ./lvsa sources this file and
# sets home (the checkout), jdk, and sdk where there is one. A part is toolkit, benchmarks, notebooks or kernels/tornado.

# Whether the part $1 has to be built. The build writes PART/target/built when all of it is there.
stale() {
  local built=$home/$1/target/built own=()
  [ -f "$built" ] || return 0
  [ "$1" = toolkit ] || own=("$home/$1/pom.xml" "$home/$1/src")
  [ -n "$(find "$home/pom.xml" "$home"/kernels/*/pom.xml "$home"/kernels/c*/src/main \
    "$home/toolkit/pom.xml" "$home"/toolkit/*/pom.xml "$home"/toolkit/*/src/main \
    "$home/datasets/models.json" ${own[@]+"${own[@]}"} -newer "$built" -print -quit 2>/dev/null)" ]
}

# Whether one of the parts given has to be built.
any_stale() {
  local part
  for part; do
    ! stale "$part" || return 0
  done
  return 1
}

# Takes the lock of the build: one build at a time, the others wait. Without flock (macOS) a folder is
# the lock, and the process number in it tells whether its owner still lives.
lock() {
  mkdir -p "$home/toolkit/target"
  if command -v flock >/dev/null; then
    exec 9>"$home/toolkit/target/build.lock"
    flock -n 9 || { echo "lvsa: another build is running; waiting for it ..." >&2; flock 9; }
    return
  fi
  local said='' owner
  until mkdir "$home/toolkit/target/build.lock.d" 2>/dev/null; do
    owner=$(cat "$home/toolkit/target/build.lock.d/pid" 2>/dev/null) || owner=
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
      rm -rf "$home/toolkit/target/build.lock.d"
      continue
    fi
    [ -n "$said" ] || echo "lvsa: another build is running; waiting for it ..." >&2
    said=1
    sleep 0.2
  done
  echo $$ >"$home/toolkit/target/build.lock.d/pid"
}

unlock() {
  exec 9>&-
  [ "$(cat "$home/toolkit/target/build.lock.d/pid" 2>/dev/null)" != $$ ] || rm -rf "$home/toolkit/target/build.lock.d"
}

# Ends the build that runs, with all that it started, and then the launcher.
end_build() {
  trap - INT TERM HUP
  kill -TERM -- "-$maven" 2>/dev/null || true
  wait "$maven" 2>/dev/null || true
  unlock
  exit "$1"
}

# Builds the parts given if one of them is stale.
build() {
  local log=$home/toolkit/target/lvsa-build.log mvn=mvn modules='' part code=0
  any_stale "$@" || return 0
  lock
  # Whoever had the lock before may have built it.
  if any_stale "$@"; then
    command -v mvn >/dev/null || mvn=$home/mvnw
    for part; do
      [ "$part" != toolkit ] || part=toolkit/cli
      modules=$modules${modules:+,}$part
    done
    echo "lvsa: building the toolkit (first call, or the sources changed) ..." >&2
    touch "$home/toolkit/target/build.started"
    # A process group of its own, so that all of it can be ended.
    set -m
    (cd "$home" && export TORNADOVM_HOME="${sdk:-${TORNADOVM_HOME:-}}" && JAVA_HOME=$jdk exec "$mvn" -q -B package -Pspark -pl "$modules" -am -DskipTests -Dspotless.check.skip=true) \
      >"$log" 2>&1 </dev/null &
    maven=$!
    set +m
    trap 'end_build 130' INT
    trap 'end_build 143' TERM
    trap 'end_build 129' HUP
    wait "$maven" || code=$?
    trap - INT TERM HUP
    if [ "$code" != 0 ]; then
      unlock
      grep -m 20 -E 'ERROR|BUILD|mvnw|rror:' "$log" >&2 || tail -n 20 "$log" >&2
      echo "lvsa: the build failed; its output is in $log" >&2
      exit 1
    fi
    # A source that was edited meanwhile is newer than this, and built the next time.
    for part; do
      touch -r "$home/toolkit/target/build.started" "$home/$part/target/built"
    done
  fi
  unlock
}
