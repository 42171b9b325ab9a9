#!/usr/bin/env bash
# Compiles every CUDA text for cards that are not here: as the back end does, and within the budget of cuda_budget.csv.
#   cuda.sh FOLDER [--write]      FOLDER has the run-time compiler, as install.sh puts it there
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compiler=$(find "$1" -name 'libnvrtc.so.13' -print -quit)
[[ -n $compiler ]] || { echo "no libnvrtc.so.13 in $1" >&2; exit 1; }
texts=$(mktemp -d)
trap 'rm -rf "$texts"' EXIT
cargo run --quiet -p cortexkg-compute --features wgpu,cuda --example kernel_texts -- cuda "$texts"
# The back end's own way to the compiler.
LD_LIBRARY_PATH=$(dirname "$compiler") CORTEXKG_REQUIRE_NVRTC=1 \
  cargo test --quiet -p cortexkg-compute --features wgpu,cuda --lib backend::cuda::nvrtc
.ci/cuda.py "$compiler" "$texts" .ci/cuda_budget.csv "${@:2}"
