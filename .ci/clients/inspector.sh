#!/usr/bin/env bash
# The MCP Inspector's command line as a client: schemas linted and one tool called, in both protocol eras.
#   inspector.sh NODE FOLDER URL      FOLDER holds node_modules with the Inspector
set -euo pipefail
node=$1 folder=$2 url=$3
launcher=$folder/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js

ask() { timeout 180 "$node" "$launcher" --cli "$url" --transport http --format json -q "$@"; }

for era in legacy modern; do
  ask --protocol-era $era --method tools/list --strict >/dev/null
  answer=$(ask --protocol-era $era --method tools/call --tool-name store_memory \
    --tool-args-json "{\"content\": \"The $era inspector was here.\"}")
  [[ $answer == *memory_id* && $answer != *'"isError":true'* && $answer != *'"isError": true'* ]] || {
    printf 'inspector, %s: tools/call answered %s\n' "$era" "$answer"
    exit 1
  }
  echo "inspector, $era era: schemas portable, tool called: ok"
done
