#!/bin/sh
# On Debian or Ubuntu: installs what the build needs and this machine lacks, through apt; where
# all of it is there it does nothing. Further packages can be named as arguments.
set -eu

if ! command -v apt-get >/dev/null; then
  echo "setup.sh: no apt-get here; install a C++20 compiler, CMake 3.25, Ninja, Catch2 and stb" >&2
  exit 1
fi

missing=""
for package in g++ cmake ninja-build catch2 libstb-dev curl ca-certificates "$@"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=none
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

root=""
if [ "$(id -u)" -ne 0 ]; then
  root=sudo
  if ! command -v sudo >/dev/null; then
    echo "setup.sh: run as root: apt-get install$missing" >&2
    exit 1
  fi
fi
echo "Installing$missing"
apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120"
$apt update || echo "setup.sh: apt-get update failed; trying with the lists that are there" >&2
# shellcheck disable=SC2086
$apt install -y --no-install-recommends $missing
