#!/usr/bin/env bash
# Everything that only a machine with a GPU can show: forms of kernels that agree, the engine on a card, the end of its memory, a soak, the
# checks of compute-sanitizer, and how fast it is. All steps run, whatever fails; the table at the end says how each went, and the
# exit status is 0 only if none failed.
#
#   gpu.sh [--out FOLDER] ...          builds here and runs
#   gpu.sh --build FOLDER              builds, packed, what a machine without compiler or network needs, 64 MiB at most; there:
#   gpu.sh --binaries FOLDER ...       runs what was built elsewhere
#
#   --out FOLDER      where log.txt, table.txt and the figures go (gpu-run)
#   --steps PATTERN   only steps whose name matches this regular expression
#   --size SIZE       largest shapes of the bench: small, medium or large (large)
#   --soak MINUTES    length of the soak on each device (5)
#   --profile NAME    how it is built: dist, or dev, which is sooner done (dist)
#   --software        tries this script out where there is no card: Mesa's program stands for one, and no figures are kept
#
# It wants a driver, and libnvrtc.so.13 where the loader, CUDA_HOME or Python's packages have it. Vulkan and compute-sanitizer are used if
# they are there.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binaries="" build="" out=gpu-run steps=. size=large soak=5 software=0 profile=dist
while (($# > 0)); do
  case $1 in
    --binaries) binaries=$(realpath "$2") && shift ;;
    --build) build=$2 && shift ;;
    --out) out=$2 && shift ;;
    --steps) steps=$2 && shift ;;
    --size) size=$2 && shift ;;
    --soak) soak=$2 && shift ;;
    --software) software=1 ;;
    --profile) profile=$2 && shift ;;
    *) sed -n '2,/^set/s/^# \?//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
  esac
  shift
done

# Builds the programs and the tests, stripped, into a folder.
build_to() (
  folder=$1 features=()
  mkdir -p "$folder"
  folder=$(realpath "$folder")
  for package in cortexkg cortexkg-benches; do
    features+=(--features "$package/wgpu,$package/cuda")
  done
  cd "$repository"
  # Cargo calls its folder for `dev` otherwise.
  built=${profile/dev/debug}
  target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
  cargo build --locked --profile "$profile" -p cortexkg -p cortexkg-benches "${features[@]}"
  cp "$target/$built/cortexkg" "$target/$built/cortexkg-benches" "$folder"
  # Tests have a hash in their names, which cargo tells.
  cargo test --locked --profile "$profile" --no-run --message-format json \
    -p cortexkg-compute --lib --test twins --features cortexkg-compute/wgpu,cortexkg-compute/cuda |
    copy_tests "$folder" compute-
  cargo test --locked --profile "$profile" --no-run --message-format json \
    -p cortexkg-hw-tests --test hw --features cortexkg-hw-tests/wgpu,cortexkg-hw-tests/cuda |
    copy_tests "$folder" ""
)

# Copies test programs that cargo names on standard input, as PREFIX and the name of the target.
copy_tests() {
  local folder=$1 prefix=$2 line name program
  while read -r line; do
    [[ $line == *'"executable":"'* && $line == *'"test":true'* ]] || continue
    name=$(sed -E 's/.*"target":\{[^}]*"name":"([^"]*)".*/\1/' <<<"$line")
    program=$(sed -E 's/.*"executable":"([^"]*)".*/\1/' <<<"$line")
    cp "$program" "$folder/$prefix${name#cortexkg_}"
  done
}

if [[ -n $build ]]; then
  build_to "$build"
  gzip -9f "$build"/{cortexkg,cortexkg-benches,compute-compute,compute-twins,hw}
  cp "${BASH_SOURCE[0]}" "$build/gpu.sh"
  du -ab "$build" | sort -n
  bytes=$(du -sb "$build" | cut -f1)
  echo "$((bytes >> 20)) MiB of 64"
  exit $((bytes > 64 << 20))
fi
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
if [[ -z $binaries ]]; then
  build_to "$unpacked"
else
  for program in "$binaries"/*.gz; do
    gunzip -c "$program" >"$unpacked/$(basename "$program" .gz)"
  done
  chmod +x "$unpacked"/*
fi
binaries=$unpacked
mkdir -p "$out"
out=$(realpath "$out")
cd "$out"
: >log.txt
: >table.txt

# The compiler of CUDA, if the loader does not find it by itself.
if ! ldconfig -p | grep -q 'libnvrtc\.so\.13'; then
  shopt -s nullglob
  for folder in "${CUDA_HOME:-/usr/local/cuda}"/lib64 /usr/local/cuda-13*/lib64 \
    $(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib") + "/nvidia/cu13/lib")' 2>/dev/null); do
    if [[ -e $folder/libnvrtc.so.13 ]]; then
      export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
      break
    fi
  done
  shopt -u nullglob
fi
sanitizer=$(command -v compute-sanitizer || find /usr/local/cuda*/bin -name compute-sanitizer -print -quit 2>/dev/null || true)

failed=0 skipped=0
# step NAME MINUTES_MAX COMMAND...: its output goes to the log.
step() {
  local name=$1 minutes=$2 began=$SECONDS status=0 first result
  shift 2
  [[ $name =~ $steps ]] || return 0
  echo "==> $name: $*" >>log.txt
  first=$(wc -l <log.txt)
  timeout --kill-after=30 "${minutes}m" "$@" >>log.txt 2>&1 </dev/null || status=$?
  result=passed
  if ((status != 0)); then
    result="FAILED ($status)"
    failed=$((failed + 1))
    tail -n +"$first" log.txt | tail -n 25 >&2
  elif tail -n +"$first" log.txt | grep -q SKIPPED; then
    # A part of it; which is in the log.
    result="passed in part"
    skipped=$((skipped + 1))
  fi
  printf '%-40s %-16s %5d s\n' "$name" "$result" $((SECONDS - began)) | tee -a table.txt
}

# absent NAME WHY: what this machine does not have.
absent() {
  [[ $1 =~ $steps ]] || return 0
  skipped=$((skipped + 1))
  printf '%-40s %s\n' "$1" "SKIPPED: $2" | tee -a table.txt
}

devices=(cuda)
matrix=(--size "$size" --record "$out")
if ((software)); then
  export CORTEXKG_SOFTWARE=1
  devices=(wgpu)
  matrix=(--size "$size" --software)
elif CORTEXKG_REQUIRE_DEVICE=wgpu "$binaries/hw" devices >/dev/null 2>&1; then
  devices+=(wgpu)
else
  absent "wgpu" "no card with a Vulkan driver opens"
fi

step "what is here" 2 "$binaries/cortexkg" doctor
for device in "${devices[@]}"; do
  export CORTEXKG_REQUIRE_DEVICE=$device
  step "$device: opens" 5 "$binaries/hw" --nocapture devices
  step "$device: every kernel, every case" 60 "$binaries/compute-twins" --nocapture every_kernel
  step "$device: the back end" 15 "$binaries/compute-compute" "backend::$device::tests" --test-threads 1
  step "$device: networks and searches" 15 "$binaries/compute-compute" tests::cards tests::cells --test-threads 1
  step "$device: an import and many recalls" 30 env CORTEXKG_HW_MEMORIES=4000 "$binaries/hw" --nocapture engine::an_import
  step "$device: the end of memory" 15 "$binaries/hw" --nocapture memory
done
for device in "${devices[@]}"; do
  if [[ $device != cuda ]]; then
    continue
  elif [[ -z $sanitizer ]]; then
    absent "cuda: compute-sanitizer" "it is not installed"
    continue
  fi
  export CORTEXKG_REQUIRE_DEVICE=$device
  for kernel in $("$binaries/cortexkg-benches" kernels cuda); do
    for tool in memcheck racecheck; do
      step "cuda: $tool of $kernel" 20 env CORTEXKG_TEST_KERNELS="$kernel" \
        "$sanitizer" --tool "$tool" --error-exitcode 86 "$binaries/compute-twins" every_kernel
    done
  done
done
# The CPU beside the cards, on the same machine.
step "bench matrix" 60 "$binaries/cortexkg-benches" matrix --device "cpu,$(IFS=, && echo "${devices[*]}")" "${matrix[@]}"
CORTEXKG_REQUIRE_DEVICE=$(IFS=, && echo "${devices[*]}")
export CORTEXKG_REQUIRE_DEVICE
# On two forms of the CPU first, then on each card.
minutes_max=$(awk -v each="$soak" -v devices=$((${#devices[@]} + 1)) 'BEGIN { print int(each * devices) + 10 }')
step "soak" "$minutes_max" env CORTEXKG_SOAK_MINUTES="$soak" "$binaries/hw" --nocapture engine::soak

echo "$(wc -l <table.txt) steps, $failed failed, $skipped skipped or passed in part" | tee -a table.txt
((failed == 0))
