#!/bin/sh
# Plans the shipped example cluster and prints the plan.
#
# usage: scripts/demo.sh GPUSLICE
set -eu
say() {
    echo
    echo "\$ $*"
}
gpuslice=$1
shift
set -- plan --demand-file examples/cluster.yaml --instances all-mig --region us-east-1
say gpuslice "$@"
"$gpuslice" "$@"
