#!/bin/sh
# Builds a configured folder. Says first what there is to do, then how far it is: on a terminal by
# ninja's own line, elsewhere nothing more, so that a log stays short.
#
# usage: scripts/build.sh DIR [TARGET ...]     (environment: JOBS)
set -eu
dir=$1
shift
jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)}
plan=$(ninja -C "$dir" -n "$@") || { printf '%s\n' "$plan" >&2; exit 1; }
steps=$(printf '%s\n' "$plan" | grep -c '^\[' || true)
[ "$steps" -gt 0 ] || exit 0
if [ "$steps" -gt 20 ]; then
    echo "building in $dir: $steps steps, $jobs at a time; a first build takes some minutes"
else
    echo "building in $dir: $steps step$([ "$steps" = 1 ] || echo s)"
fi
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
    exec ninja -j"$jobs" -C "$dir" "$@"
fi
exec ninja -j"$jobs" -C "$dir" --quiet "$@"
