#!/bin/sh
# Installs the programs of a build folder, and what lets shells complete their command lines.
#
# usage: scripts/install.sh DIR PREFIX [DESTDIR]
set -eu
dir=$1
prefix=$2
destdir=${3:-}
case $prefix in
/*) ;;
*) echo "make install: PREFIX=$prefix: expected a path from /, as /usr/local" >&2; exit 2 ;;
esac
case $destdir in
"" | /*) ;;
*) destdir=$PWD/$destdir ;;
esac
now=$(meson introspect "$dir" --buildoptions |
    python3 -c 'import json, sys; print(*(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
if [ "$now" != "$prefix" ]; then
    meson configure "$dir" -Dprefix="$prefix" >/dev/null
    ninja -C "$dir" --quiet build.ninja >/dev/null
fi
meson install -C "$dir" --no-rebuild --quiet --tags runtime ${destdir:+--destdir "$destdir"}
echo "installed in $destdir$prefix: bin/gpuslice, -agent, -boot, -controller, -history; completion for bash, zsh and fish"
