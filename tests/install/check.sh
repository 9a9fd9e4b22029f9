#!/usr/bin/env bash
# Installs a release build into a scratch directory and uses the result as a stranger would: pkg-config, find_package, the command.
#   tests/install/check.sh BUILD
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 1 ] && [ -f "$1/CMakeCache.txt" ] || { echo "usage: $0 BUILD, a release build" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR="$work/root" cmake --install "$1" >/dev/null
root="$work/root$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$1/CMakeCache.txt")"
libdir=$(dirname "$(find "$root" -name libemotivoice.so)")

echo "hardening"
LD_LIBRARY_PATH="$libdir" python3 tests/security/test_hardened.py --installed "$root/bin/emotivoice" "$libdir/libemotivoice.so"

echo "pkg-config"
export PKG_CONFIG_PATH="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/root"
# shellcheck disable=SC2046
gcc examples/say.c -o "$work/say" $(pkg-config --cflags --libs emotivoice)
LD_LIBRARY_PATH="$libdir" EMOTIVOICE_MODEL="$root/share/emotivoice/emotivoice-default.safetensors" "$work/say" "$work/a.wav" "Installed and linked."
test -s "$work/a.wav"

echo "find_package"
mkdir "$work/user"
cp examples/say.c "$work/user/"
cat >"$work/user/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.22)
project(user LANGUAGES C)
find_package(emotivoice 0.1 REQUIRED)
add_executable(say say.c)
target_link_libraries(say PRIVATE emotivoice::emotivoice)
C
cmake -S "$work/user" -B "$work/user/build" -G Ninja -DCMAKE_PREFIX_PATH="$root" >/dev/null
cmake --build "$work/user/build" >/dev/null

echo "units"
test -s "$root/lib/systemd/system/emotivoice.service" -a -s "$root/lib/systemd/system/emotivoice.socket"

echo "command"
LD_LIBRARY_PATH="$libdir" EMOTIVOICE_MODEL="$root/share/emotivoice/emotivoice-default.safetensors" \
    "$root/bin/emotivoice" say "Installed." -o "$work/b.wav"
test -s "$work/b.wav"
echo "install: ok"
