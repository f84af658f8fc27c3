#!/bin/sh
# Plans the shipped example cluster, and opens the dashboard over a simulated machine. Where stdout is
# no terminal the dashboard is asked once, and ended.
#
# usage: scripts/demo.sh GPUSLICE      (gpuslice-sim is beside it)
set -eu
say() {
    echo
    echo "\$ $*"
}
gpuslice=$1
sim=$(dirname "$gpuslice")/gpuslice-sim
shift
set -- plan --demand-file examples/cluster.yaml --instances all-mig --region us-east-1
say gpuslice "$@"
"$gpuslice" "$@"

work=$(mktemp -d)
served=
holder=
end() {
    trap '' INT TERM
    for process in $served $holder; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap end EXIT
trap 'exit 0' INT TERM
export GPUSLICE_SIM="$work/machine"

say gpuslice-sim create MACHINE --gpus 8xA100-40GB --mig
"$sim" create "$GPUSLICE_SIM" --gpus 8xA100-40GB --mig >/dev/null
# Two GPUs of small slices, most of them in use, one with two large ones, and five that are not cut.
hold() {
    "$sim" run "$GPUSLICE_SIM" --slice "$1" -- sleep 86400 &
    holder="$holder $!"
}
say gpuslice mig create 3g.20gb --gpu 2
slice=$("$gpuslice" mig create 3g.20gb --gpu 2)
echo "$slice"
hold "$slice"
"$gpuslice" mig create 3g.20gb --gpu 2 >/dev/null
for gpu in 0 1; do
    for place in 1 2 3 4 5 6 7; do
        slice=$("$gpuslice" mig create 1g.5gb --gpu "$gpu")
        [ "$place" -eq 7 ] || hold "$slice"
    done
done
set -- dashboard --node --instance-type p4d.24xlarge --region us-east-1
say gpuslice "$@"
if [ -t 1 ]; then
    echo "Open this address in a browser; ^C ends it. In a terminal: gpuslice top --node"
    echo "  (with GPUSLICE_SIM=$GPUSLICE_SIM)"
    "$gpuslice" "$@" &
    served=$!
    wait "$served" || true
    exit 0
fi
"$gpuslice" "$@" --no-browser >"$work/address" &
served=$!
tries=0
until [ -s "$work/address" ] || [ "$tries" -ge 300 ] || ! kill -0 "$served" 2>/dev/null; do
    sleep 0.1
    tries=$((tries + 1))
done
[ -s "$work/address" ] || { echo "demo.sh: the dashboard did not start" >&2; exit 1; }
python3 - "$(cat "$work/address")" <<'PYTHON'
import json, sys, urllib.request
address, code = sys.argv[1].strip().rsplit("/open/", 1)
request = urllib.request.Request(address + "/api/v1/fleet", headers={"Authorization": "Bearer " + code})
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
    gpus = json.load(answer)["nodes"][0]["gpus"]
print(f"It answers at {address}: {len(gpus)} GPUs, {sum(len(gpu['slices']) for gpu in gpus)} slices. "
      "In a terminal it stays open until ^C.")
PYTHON
