#!/bin/sh
# Configures a build folder with meson, and again only when its options are not the ones asked for.
# Without options any configured folder will do.
#
# usage: scripts/setup.sh DIR [MESON-OPTION ...]
set -eu
dir=$1
shift
asked="CC=${CC:-} $*"
if [ -f "$dir/build.ninja" ]; then
    [ $# = 0 ] && exit 0
    [ "$(cat "$dir/.options" 2>/dev/null)" = "$asked" ] && exit 0
fi
again=
[ -f "$dir/build.ninja" ] && again=--reconfigure
log=$(mktemp)
# shellcheck disable=SC2086
if ! meson setup $again "$dir" "$@" </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"
echo "$asked" >"$dir/.options"
