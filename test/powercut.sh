#!/usr/bin/env bash
# A disk whose power can be cut at any moment, without pulling a plug: an ext4 file system in an image file, kept on an
# XFS that can share extents. A shared copy of the image made under load holds what the disk had at that moment and
# nothing that was only in memory: what a machine finds when its power comes back.
#
#   powercut.sh up DIR SIZE    makes and mounts the disk; prints its mount point, DIR/disk
#   powercut.sh cut DIR        keeps what the disk holds now as the state to come back to; the disk goes on
#   powercut.sh boot DIR       puts that state in place of the disk, at the same mount point; nothing may use the disk
#   powercut.sh down DIR       unmounts and removes everything
#
# Needs root, loop devices, mkfs.xfs and mkfs.ext4.
set -euo pipefail

usage() {
  sed -n '6,9s/^# *//p' "$0" >&2
  exit 2
}

(($# >= 2)) || usage
dir=$2
host=$dir/host disk=$dir/disk image=$dir/host/disk.img cut=$dir/host/cut.img

case $1 in
  up)
    (($# == 3)) || usage
    mkdir -p "$host" "$disk"
    bytes=$(numfmt --from=iec "$3")
    truncate -s "$((bytes * 3 + (512 << 20)))" "$dir/host.img"
    mkfs.xfs -q -m reflink=1 "$dir/host.img"
    mount -o loop "$dir/host.img" "$host"
    truncate -s "$bytes" "$image"
    mkfs.ext4 -q "$image"
    mount -o loop "$image" "$disk"
    echo "$disk"
    ;;
  cut)
    cp --reflink=always "$image" "$cut"
    ;;
  boot)
    for ((tries = 0; tries < 100; ++tries)); do # The last threads of a killed process may still hold it.
      if umount "$disk" 2>/dev/null; then break; fi
      sleep 0.1
    done
    if mountpoint -q "$disk"; then umount "$disk"; fi
    mv "$cut" "$image"
    mount -o loop "$image" "$disk"
    ;;
  down)
    for point in "$disk" "$host"; do
      if mountpoint -q "$point"; then umount "$point"; fi
    done
    rm -rf "${dir:?}"
    ;;
  *) usage ;;
esac
