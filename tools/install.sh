#!/bin/sh
# Installs the command with its man pages and completions below DESTDIR and PREFIX; on
# FreeBSD the rc.d script as well. The binary itself writes its pages and completions,
# so it must run here.
# usage: DESTDIR=dir PREFIX=/usr/local sh tools/install.sh target/release/ioc
set -eu
cd "$(dirname "$0")/.."
binary=$1
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix

mkdir -p "$root/bin"
install -m 755 "$binary" "$root/bin/ioc"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$binary" man "$work"
for page in "$work"/*.[1-8]; do
    section=$root/share/man/man${page##*.}
    mkdir -p "$section"
    install -m 644 "$page" "$section/"
done

completion() { # SHELL FILE
    mkdir -p "$(dirname "$root/share/$2")"
    "$binary" completions "$1" >"$root/share/$2"
}
completion bash bash-completion/completions/ioc
completion zsh zsh/site-functions/_ioc
completion fish fish/vendor_completions.d/ioc.fish

if [ "$(uname -s)" = FreeBSD ]; then
    mkdir -p "$root/etc/rc.d"
    sed "s|%%PREFIX%%|$prefix|g" packaging/freebsd/sysutils/ioc/files/ioc.in >"$root/etc/rc.d/ioc"
    chmod 755 "$root/etc/rc.d/ioc"
fi
echo "installed below $root"
