#!/bin/sh
# Installs what was built below DESTDIR and PREFIX; on FreeBSD the rc.d script as well.
# usage: DESTDIR=dir PREFIX=/usr/local sh tools/install.sh target/release/ioc
set -eu
cd "$(dirname "$0")/.."
binary=$1
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix

mkdir -p "$root/bin"
install -m 755 "$binary" "$root/bin/ioc"

if [ "$(uname -s)" = FreeBSD ]; then
    mkdir -p "$root/etc/rc.d"
    sed "s|%%PREFIX%%|$prefix|g" packaging/freebsd/sysutils/ioc/files/ioc.in >"$root/etc/rc.d/ioc"
    chmod 755 "$root/etc/rc.d/ioc"
fi
echo "installed below $root"
