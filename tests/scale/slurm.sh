#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The shards of one stress run as a Slurm array job, a task each:
#
#   sbatch --array=1-8 tests/scale/slurm.sh REPORTS --cycles 8000 --seed 3
#
# REPORTS is a directory that all nodes share; the rest are options of `stress`, --seed among
# them. The images are built before: tasks only run them. When all tasks have ended:
#
#   cargo xtask merge REPORTS/*.json
#
#SBATCH --job-name=nmr-stress
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

reports=$1
shift
report=$reports/$SLURM_ARRAY_TASK_ID.json
# Slurm may run a task again whose end it has not seen.
if [ -e "$report" ]; then
    exit 0
fi

# NMR is the program, if it is not installed as `cargo nmr`.
status=0
${NMR:-cargo nmr} stress "$@" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --jobs 1 --json "$report" || status=$?

# Killed, for lack of memory or by hand: a few more attempts. Each draws the same cycles.
if [ "$status" -gt 128 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 3 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
