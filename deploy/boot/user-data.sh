#!/bin/bash
# User data for nodes on Amazon Linux 2023 (EKS), as it is or as a text/x-shellscript part of a MIME
# message; Karpenter adds its own part, which has the node's labels. It runs once, at the first boot;
# the unit that it leaves runs at every boot. Put in your URL and checksum: sha256sum gpuslice-boot.
set -euo pipefail

url=https://example.com/gpuslice/gpuslice-boot-x86_64
sha256=0000000000000000000000000000000000000000000000000000000000000000

program=/usr/local/bin/gpuslice-boot
units=/etc/systemd/system

mkdir -p /usr/local/bin /usr/local/libexec $units/nodeadm-run.service.d $units/kubelet.service.d

cat >/usr/local/libexec/gpuslice-user-data <<'END'
#!/bin/sh
# Saves the user data of this instance (EC2, IMDSv2), unpacked: the node's labels are in it.
# An instance that has none gives an empty file.
#
# usage: gpuslice-user-data FILE
set -eu
umask 077 # it may hold secrets
imds=${GPUSLICE_IMDS:-http://169.254.169.254} # http://[fd00:ec2::254] where there is IPv6 only
file=$1
ask() {
    curl --silent --show-error --retry 8 --retry-delay 2 --retry-connrefused --max-time 20 "$@"
}

token=$(ask --fail --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' \
    "$imds/latest/api/token")
status=$(ask --output "$file.raw" --write-out '%{http_code}' \
    --header "X-aws-ec2-metadata-token: $token" "$imds/latest/user-data")
case $status in
200) ;;
404) : >"$file.raw" ;;
*)
    echo "gpuslice-user-data: $imds/latest/user-data: status $status; expected 200 or 404" >&2
    exit 1
    ;;
esac
gzip --decompress --stdout --force <"$file.raw" >"$file.new" # --force: plain text stays as it is
mv "$file.new" "$file"
rm "$file.raw"
END
chmod 755 /usr/local/libexec/gpuslice-user-data

cat >$units/gpuslice-boot.service <<'END'
# The GPUs are cut before the kubelet starts, at every boot: a layout does not outlive one.
# 10-gpuslice.conf, beside the units of nodeadm and the kubelet, keeps them waiting for it.
[Unit]
Description=Cut the GPUs to the layout of this node
Wants=network-online.target
After=network-online.target
After=nvidia-kmod-load.service nvidia-persistenced.service nvidia-fabricmanager.service
After=set-nvidia-clocks.service
Before=nodeadm-run.service kubelet.service nvidia-dcgm.service

[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=gpuslice
RuntimeDirectoryPreserve=yes
StateDirectory=gpuslice
ExecStartPre=/usr/local/libexec/gpuslice-user-data /run/gpuslice/user-data
ExecStart=/usr/local/bin/gpuslice-boot --label-file /run/gpuslice/user-data --toolkit-config /etc/nvidia-container-runtime/config.toml
# The driver may take 5 minutes to come, a reset as long. Where it has asked for a reboot it waits
# in here for the machine to go down.
TimeoutStartSec=15min
# It ends at the next whole slice when told to; nvidia-smi, which it runs for a reset, is left to it.
KillMode=mixed

[Install]
WantedBy=multi-user.target
END

cat >$units/nodeadm-run.service.d/10-gpuslice.conf <<'END'
# For /etc/systemd/system/nodeadm-run.service.d and kubelet.service.d: no kubelet before the GPUs
# are cut as the node says.
[Unit]
Requires=gpuslice-boot.service
After=gpuslice-boot.service
END
cp $units/nodeadm-run.service.d/10-gpuslice.conf $units/kubelet.service.d/

systemctl daemon-reload
systemctl enable gpuslice-boot.service

# Whatever goes wrong from here on, the unit is started and then fails, so that no kubelet starts.
trap 'systemctl start gpuslice-boot.service' EXIT

if ! echo "$sha256  $program" | sha256sum --check --status 2>/dev/null; then
    curl --fail --silent --show-error --location --retry 5 --output $program.new "$url"
    echo "$sha256  $program.new" | sha256sum --check --quiet
    chmod 755 $program.new
    mv $program.new $program
fi
