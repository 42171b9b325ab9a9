#!/usr/bin/env bash
# Sees to a Vulkan driver: a machine that has one keeps it, others get Mesa's, which needs no card.
set -euo pipefail
shopt -s nullglob
drivers=(/usr/share/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json)
if [[ -n ${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-} || ${#drivers[@]} -gt 0 ]] && [[ $(ldconfig -p) == *libvulkan.so.1* ]]; then
  echo "drivers: ${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-${drivers[*]}}}"
  exit
fi
as_root=()
((EUID == 0)) || as_root=(sudo -n)
install() {
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends mesa-vulkan-drivers libvulkan1
}
# The lists may be old or missing.
install || { "${as_root[@]}" apt-get update -q && install; }
