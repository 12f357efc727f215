#!/bin/sh
# Installs, on Debian and Ubuntu, what napari's window and the tests need beside Python:
# a screen that needs no monitor (xvfb), software OpenGL, and the libraries that Qt's
# wheels expect. Does nothing where all of it is there. Needs root or sudo.
set -eu

packages="git xvfb libgl1 libgl1-mesa-dri libegl1 libdbus-1-3 libfontconfig1
libglib2.0-0 libx11-xcb1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0
libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xfixes0
libxcb-xkb1"

python3 -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"

missing=""
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || { echo "all system packages are here"; exit 0; }

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
# shellcheck disable=SC2086  # one argument a package
$sudo apt-get install -y -q --no-install-recommends $missing
