# Sourced by the scripts beside it. Sets `root`, the top of the repository, and goes there.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '== %s\n' "$*"; }
die() { printf '%s\n' "${0##*/}: $*" >&2; exit 1; }

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "must be root, or have sudo, to run: $*"
  fi
}

# Compilers take about 1 GiB each: as many as processors and memory allow.
jobs() {
  local processors memory_gib
  processors=$(nproc)
  memory_gib=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)
  echo $((memory_gib < 1 ? 1 : memory_gib < processors ? memory_gib : processors))
}

# configure PRESET: quiet unless it fails, and quick when nothing changed. A script puts its differences from the preset
# into configure_options.
configure_options=()
configure() {
  mkdir -p build
  if ! cmake --preset "$1" "${configure_options[@]}" >"build/configure-$1.log" 2>&1; then
    cat "build/configure-$1.log" >&2
    die "configuring the $1 build failed"
  fi
}

# build PRESET [TARGET ...]
build() {
  local preset=$1
  shift
  configure "$preset"
  cmake --build "build/$preset" --parallel "$(jobs)" ${1:+--target "$@"}
}
