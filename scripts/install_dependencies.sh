#!/usr/bin/env bash
# Installs the Debian packages that tfl needs, by name and only those that are missing.
#
#     scripts/install_dependencies.sh [build | demo | ci]
#
# build (the default): library, tools, examples and tests. demo: only what scripts/demo.sh needs. ci: also what .ci/run needs.
set -euo pipefail

demo=(g++ cmake ninja-build flatbuffers-compiler libflatbuffers-dev libxsimd-dev libcli11-dev libstb-dev libprotobuf-dev protobuf-compiler)
build=("${demo[@]}" pkg-config ccache libeigen3-dev nlohmann-json3-dev libgtest-dev libgmock-dev libbenchmark-dev libhdf5-dev
       libzip-dev)
ci=("${build[@]}" git clang libclang-rt-dev clang-format qemu-user g++-aarch64-linux-gnu googletest
    gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib qemu-system-arm)

case "${1:-build}" in
  demo) wanted=("${demo[@]}") ;;
  build) wanted=("${build[@]}") ;;
  ci) wanted=("${ci[@]}") ;;
  *) sed -n '4,6s/^# *//p' "$0" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "This is no Debian; please provide what these packages hold: ${wanted[*]}" >&2
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

root=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing packages, and no right to install them. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing ${missing[*]}"
install() { "${root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; }
# The lists of packages may be absent or old; they are fetched only then.
if ! install && ! { "${root[@]}" apt-get update >"$log" 2>&1 && install; }; then
  cat "$log" >&2
  echo "These packages are missing and could not be installed: ${missing[*]}" >&2
  exit 1
fi
