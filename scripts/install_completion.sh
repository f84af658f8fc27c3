#!/bin/sh
# What lets shells complete the command lines of programs that are installed; of scripts/install.sh
# and `meson install`.
#
# usage: MESON_INSTALL_DESTDIR_PREFIX=DIR scripts/install_completion.sh PROGRAM...
set -eu
share=$MESON_INSTALL_DESTDIR_PREFIX/share
umask 022
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
for program; do
    name=${program##*/}
    "$program" completion bash >"$share/bash-completion/completions/$name"
    "$program" completion zsh >"$share/zsh/site-functions/_$name"
    "$program" completion fish >"$share/fish/vendor_completions.d/$name.fish"
done
