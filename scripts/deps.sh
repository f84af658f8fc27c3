#!/bin/sh
# Makes sure that what a purpose needs is on this machine: installs Debian packages when it may
# (root, or sudo that asks no password), saying which; else says what to install, and fails.
# Quick when nothing is missing: it looks for the things themselves and calls no apt.
#
# usage: scripts/deps.sh build|test|cluster|web|monitoring|ci|dev ...      (build is part of every purpose)
set -eu

missing=

has_command() { command -v "$1" >/dev/null 2>&1; }
has_file() { [ -e "$1" ]; }
has_pc() { pkg-config --exists "$1" 2>/dev/null; }
has_archive() { has_pc "${1%:*}" && has_file "$(pkg-config --variable=libdir "${1%:*}")/${1#*:}"; }
has_header() { [ -e "/usr/include/$1" ] || echo "#include <$1>" | cc -E - >/dev/null 2>&1; }
has_module() { [ -e "/usr/lib/python3/dist-packages/$1" ] || python3 -c "import $1" 2>/dev/null; }
has_static_busybox() { has_file "$1" && ! head -c 4096 "$1" | grep -q ld-linux; }
has_sanitizers() {
    has_command clang && ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*.a >/dev/null 2>&1
}

# need PACKAGE CHECK ARGUMENT
need() {
    "$2" "$3" || missing="$missing $1"
}

need_build() {
    need gcc has_command gcc
    need libc6-dev has_header stdio.h
    need meson has_command meson
    need ninja-build has_command ninja
    need pkg-config has_command pkg-config
    need python3 has_command python3
    need libjansson-dev has_archive jansson:libjansson.a # gpuslice-boot links libc only
    need libyaml-dev has_archive yaml-0.1:libyaml.a
    need libnghttp2-dev has_pc libnghttp2
    need libprotobuf-c-dev has_pc libprotobuf-c
    need protobuf-c-compiler has_command protoc-c
    need libsystemd-dev has_pc libsystemd
    need libgnutls28-dev has_pc gnutls
    need libmicrohttpd-dev has_pc libmicrohttpd
    need zlib1g-dev has_pc zlib
    need libsqlite3-dev has_pc sqlite3
}

need_test() {
    need libcmocka-dev has_pc cmocka
    need libglpk-dev has_header glpk.h # an oracle: never linked into a program
    need binutils has_command nm
    need python3-yaml has_module yaml # compares -o yaml with -o json
    need python3-grpcio has_module grpc # a peer of our gRPC
    need tmux has_command tmux # gpuslice top in a terminal
}

need_cluster() { # and Go, which Debian 12 has too old a version of (tests/cluster/bed/build.py)
    need runc has_command runc
    need containernetworking-plugins has_file /usr/lib/cni/bridge
    need busybox-static has_static_busybox /bin/busybox # the only content of the images
    need iproute2 has_command ip
    need util-linux has_command nsenter
    need openssl has_command openssl
}

need_web() { # and node, which Debian 12 has too old a version of
    need chromium has_command chromium
}

need_monitoring() {
    need prometheus has_command promtool # where systemd runs, Debian starts it as a service
    need openssl has_command openssl
}

need_ci() {
    need_test
    need clang has_command clang
    need libclang-rt-14-dev has_sanitizers clang
}

need_dev() {
    need_ci
    need clang-format has_command clang-format
    need clang-tidy has_command clang-tidy
    need gcovr has_command gcovr
}

install_packages() {
    as=
    if [ "$(id -u)" != 0 ]; then
        has_command sudo && sudo -n true 2>/dev/null || return 1
        as="sudo -n"
    fi
    has_command apt-get || return 1
    echo "Installing with apt:$missing"
    log=$(mktemp)
    # Unpacked lists may be stale or absent: update them only when the install fails without.
    # shellcheck disable=SC2086
    for try in 1 2; do
        if $as env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
            $missing </dev/null >"$log" 2>&1; then
            rm -f "$log"
            return 0
        fi
        [ "$try" = 1 ] && $as apt-get update </dev/null >/dev/null 2>&1 || true
    done
    cat "$log" >&2
    rm -f "$log"
    return 1
}

need_build
for purpose in "$@"; do
    case $purpose in
    build) ;;
    test | cluster | web | monitoring | ci | dev) "need_$purpose" ;;
    *)
        echo "deps.sh: unknown purpose '$purpose': expected build, test, cluster, web, monitoring, ci or dev" >&2
        exit 2
        ;;
    esac
done
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
missing=${missing% }
[ -n "$missing" ] || exit 0
missing=" $missing"
if ! install_packages; then
    {
        echo "gpuslice needs packages that are not here and could not be installed by this user:"
        echo "   $missing"
        echo "On Debian 12:  sudo apt-get install$missing"
        echo "Elsewhere: the packages of the same content; then run make again."
    } >&2
    exit 1
fi
