#!/usr/bin/env bash
# Runs a command on a card that the host plays: kernels/host/card.cpp, under the names of CUDA's libraries.
#   cuda_card.sh COMMAND...
set -euo pipefail
host=$(cd "$(dirname "${BASH_SOURCE[0]}")/../kernels/host" && pwd)
card=$(mktemp -d)
trap 'rm -rf "$card"' EXIT
ln -s "$host" "$card/include"
g++ -std=c++17 -O1 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden -o "$card/libcuda.so" "$host/card.cpp" -ldl
ln -s libcuda.so "$card/libnvrtc.so"
CORTEXKG_CARD=$card LD_LIBRARY_PATH=$card${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$@"
