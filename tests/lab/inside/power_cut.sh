#!/bin/bash
# Commits to a pool on what this machine has, until somebody pulls the plug; $TERRACE_LAB_LAST: only verifies.
directory=/mnt/pmem
mountpoint -q /mnt/disk && directory=/mnt/disk
exec "$TERRACE_BIN/lab_power_cut" $directory /tmp/lab/acknowledged $TERRACE_LAB_LAST
