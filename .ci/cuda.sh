#!/usr/bin/env bash
# Compiles every CUDA text for cards that are not here, within the budget of cuda_budget.csv.
#   cuda.sh FOLDER [--write]      FOLDER has the run-time compiler, as install.sh puts it there
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compiler=$(find "$1" -name 'libnvrtc.so.13' -print -quit)
[[ -n $compiler ]] || { echo "no libnvrtc.so.13 in $1" >&2; exit 1; }
texts=$(mktemp -d)
trap 'rm -rf "$texts"' EXIT
cargo run --quiet -p cortexkg-compute --example kernel_texts -- cuda "$texts"
.ci/cuda.py "$compiler" "$texts" .ci/cuda_budget.csv "${@:2}"
