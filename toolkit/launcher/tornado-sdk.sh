#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All that the toolkit assumes of a TornadoVM SDK: where it lies, which files it has, which JVM flags it
# wants, and when it fits. An SDK fits if the JVM starts with its flags and its API classes load; its name
# and version decide nothing, since they differ from release to release.
#
# ./lvsa sources this file. The build of kernels/tornado calls it:
#   tornado-sdk.sh argfile SDK JDK FILE     writes the SDK's JVM flags to FILE, for java @FILE, and ours
#                                           for kernels in cells of notebooks
tornado_launcher=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The folder of the SDK to use, or nothing: TORNADOVM_HOME, else the one that SDKMAN has as current.
tornado_sdk_place() {
  local sdkman=${SDKMAN_DIR:-${HOME:-}/.sdkman}/candidates/tornadovm/current
  if [ -n "${TORNADOVM_HOME:-}" ]; then
    echo "$TORNADOVM_HOME"
  elif [ -d "$sdkman" ]; then
    echo "$sdkman"
  fi
}

# What the SDK in $1 calls itself: for messages and for records of what was measured.
tornado_sdk_version() {
  local jar
  for jar in "$1"/share/java/tornado/tornado-api-*.jar; do
    [ -f "$jar" ] || continue
    jar=${jar##*/tornado-api-}
    echo "${jar%.jar}"
    return
  done
  sed -n 's/^version=//p' "$1/etc/tornado.release" 2>/dev/null | head -n 1 | grep . || echo "of unknown version"
}

# Keeps the signal handlers of the JVM in $1, for every process that is started from here. CUDA's run-time
# compiler takes the handler of SIGSEGV away while it works; a null check or a safepoint in another Java
# thread is then the end of the process, without a word. libjsig, a part of the JDK, hands such signals on.
tornado_sdk_keep_signals() {
  if [ -f "$1/lib/libjsig.so" ]; then
    export LD_PRELOAD=$1/lib/libjsig.so${LD_PRELOAD:+:$LD_PRELOAD}
  fi
}

# Writes the JVM flags of the SDK in $1 for the JDK in $2 to the file $3. Says why if it cannot.
# An SDK brings them as a file (tornado-argfile, 5.x and some later ones), or prints them
# (tornado --printJavaFlags) as "/path/to/java FLAG ... @FILE ...".
tornado_sdk_argfile() {
  local sdk=$1 jdk=$2 file=$3 printed word
  if [ -f "$sdk/tornado-argfile" ]; then
    sed "s#\${TORNADOVM_HOME}#$sdk#g" "$sdk/tornado-argfile" >"$file"
    return
  fi
  if [ ! -x "$sdk/bin/tornado" ]; then
    echo "$sdk is no TornadoVM SDK: it has neither tornado-argfile nor bin/tornado"
    return 1
  fi
  case $sdk in *[[:space:]]*)
    echo "the path of the TornadoVM SDK has a space, which its printed flags cannot say: $sdk"
    return 1 ;;
  esac
  if ! printed=$(JAVA_HOME=$jdk TORNADOVM_HOME=$sdk TORNADO_SDK=$sdk "$sdk/bin/tornado" --printJavaFlags 2>&1 </dev/null); then
    echo "$sdk/bin/tornado --printJavaFlags failed: $(tornado_first_line "$printed")"
    return 1
  fi
  printed=$(printf '%s\n' "$printed" | grep -E '(^|[[:space:]])-' | tail -n 1) || true
  if [ -z "$printed" ]; then
    echo "$sdk/bin/tornado --printJavaFlags printed no flags"
    return 1
  fi
  # A file that java reads flags from cannot name another one, so those stand here with their content.
  (
    set -f
    # shellcheck disable=SC2086
    set -- $printed
    case $1 in -* | @*) ;; *) shift ;; esac
    for word; do
      case $word in
        @*) cat "${word#@}" && echo ;;
        *) printf '%s\n' "$word" ;;
      esac
    done
  ) >"$file" 2>/dev/null || {
    echo "$sdk/bin/tornado --printJavaFlags names a file that cannot be read"
    return 1
  }
}

# Adds to the flags in the file $3 those with which TornadoVM compiles kernels of classes that are defined
# while a program runs, as in a cell of a notebook: CellClasses.java, compiled beside that file against the
# SDK in $1 by the JDK in $2. An SDK that it does not compile against keeps its own flags, and compiles the
# kernels of class files alone.
tornado_sdk_cells() {
  local sdk=$1 jdk=$2 file=$3 classes jvmci=jdk.internal.vm.ci/jdk.vm.ci
  classes=$(cd "$(dirname "$file")" && pwd)/tornado-cells
  [ -d "$sdk/share/java/graalJars" ] || return 0
  rm -rf "$classes"
  "$jdk/bin/javac" -nowarn -d "$classes" --patch-module "tornado.annotation=$tornado_launcher" \
    --module-path "$sdk/share/java/tornado" --upgrade-module-path "$sdk/share/java/graalJars" \
    --add-modules tornado.annotation --add-exports "$jvmci.meta=tornado.annotation,tornado.runtime" \
    --add-exports "$jvmci.hotspot=tornado.annotation" "$tornado_launcher/CellClasses.java" >/dev/null 2>&1 || return 0
  cat >>"$file" <<END

--patch-module "tornado.annotation=$classes"
--add-exports tornado.annotation/org.lvsa.launcher=tornado.runtime
--add-exports $jvmci.meta=tornado.annotation
--add-exports $jvmci.hotspot=tornado.annotation
-Dtornado.load.annotation.implementation=org.lvsa.launcher.CellClasses
END
}

# Whether the JVM of the JDK in $1 starts with the flags in the file $2 and the API's classes load; the
# folder of that file is used for scratch. Says why not.
tornado_sdk_fits() {
  local message classes
  classes=$(dirname "$2")/tornado-check
  message=$("$1/bin/javac" -d "$classes" "$tornado_launcher/TornadoCheck.java" 2>&1 &&
    "$1/bin/java" "@$2" -Xlog:disable -cp "$classes" TornadoCheck 2>&1 </dev/null) && return
  tornado_first_line "$message"
  return 1
}

# The line of a JVM's output that says what went wrong.
tornado_first_line() {
  { printf '%s\n' "$1" | grep -m 1 -E 'Exception|Error|Unrecognized|rror:' || printf '%s\n' "$1" | head -n 1; } |
    cut -c 1-200
}

# Chooses an SDK for the JDK in $1, keeping what was found in the folder $2 until the SDK or the JDK
# changes. Sets sdk, sdk_version and sdk_flags (the file for java @FILE); or leaves sdk empty and sets
# sdk_reason. Sets sdk_new to 1 where the SDK was looked at anew.
tornado_sdk_choose() {
  local jdk=$1 state=$2 place key
  sdk='' sdk_version='' sdk_flags=$state/tornado-argfile sdk_new='' sdk_reason=''
  place=$(tornado_sdk_place)
  if [ -z "$place" ]; then
    sdk_reason="no TornadoVM SDK: set TORNADOVM_HOME, or 'sdk install tornadovm'"
    return
  fi
  if [ ! -d "$place" ]; then
    sdk_reason="TORNADOVM_HOME is $place, which is no directory"
    return
  fi
  place=$(cd "$place" && pwd -P)
  sdk_version=$(tornado_sdk_version "$place")
  mkdir -p "$state"
  key="$place $jdk $({ cat "$place/tornado-argfile" "$place/bin/tornado" "$jdk/release" "$tornado_launcher"/*.java "${BASH_SOURCE[0]}" || true
    ls -l "$place/share/java/tornado" || true; } 2>/dev/null | cksum)"
  if [ "$(sed -n 1p "$state/tornado-sdk" 2>/dev/null)" != "$key" ] || [ ! -f "$sdk_flags" ]; then
    sdk_new=1
    rm -f "$state/tornado-sdk"
    if ! sdk_reason=$(tornado_sdk_argfile "$place" "$jdk" "$sdk_flags"); then
      : >"$sdk_flags"
    elif ! { sdk_reason=$(tornado_sdk_fits "$jdk" "$sdk_flags") && tornado_sdk_cells "$place" "$jdk" "$sdk_flags"; }; then
      sdk_reason="the TornadoVM SDK $sdk_version in $place does not start with $jdk: $sdk_reason"
    fi
    printf '%s\n%s\n' "$key" "$sdk_reason" >"$state/tornado-sdk"
  fi
  sdk_reason=$(sed -n 2p "$state/tornado-sdk")
  [ -n "$sdk_reason" ] || sdk=$place
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case ${1:-} in
    argfile)
      mkdir -p "$(dirname "$4")"
      reason=$(tornado_sdk_argfile "$2" "$3" "$4") || { echo "$reason" >&2; exit 1; }
      tornado_sdk_cells "$2" "$3" "$4"
      ;;
    *) echo "usage: tornado-sdk.sh argfile SDK JDK FILE" >&2; exit 2 ;;
  esac
fi
