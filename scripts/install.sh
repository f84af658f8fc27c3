#!/bin/sh
# Installs the programs of a build folder, and what lets shells complete their command lines. In the
# build folder nothing is written: it may be another user's than the one who installs.
#
# usage: scripts/install.sh DIR PREFIX [DESTDIR]
set -eu
dir=$1
prefix=${2%/}
destdir=${3:-}
case $2 in
/*) ;;
*) echo "make install: PREFIX=$2: expected a path from /, as /usr/local" >&2; exit 2 ;;
esac
case $destdir in
"" | /*) ;;
*) destdir=$PWD/$destdir ;;
esac
into=${destdir%/}$prefix
programs="gpuslice gpuslice-agent gpuslice-boot gpuslice-controller gpuslice-history"
umask 022
mkdir -p "$into/bin"
set --
for program in $programs; do
    install -m 755 "$dir/bin/$program" "$into/bin/$program"
    set -- "$@" "$into/bin/$program"
done
MESON_INSTALL_DESTDIR_PREFIX=$into "$(dirname "$0")/install_completion.sh" "$@"
echo "installed in ${into:-/}: bin/gpuslice, -agent, -boot, -controller, -history; completion for bash, zsh and fish"
