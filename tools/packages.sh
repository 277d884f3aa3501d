#!/bin/sh
# Installs the packages that the named purposes of tools/packages.list need, and does
# nothing when all are there. Knows apt-get and pkg; elsewhere, or without root, it
# says what is missing and leaves it at that, as most of the work goes on without.
# usage: sh tools/packages.sh PURPOSE...
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

case $(uname -s) in
    FreeBSD) column=4 ;;
    *) column=3 ;;
esac

missing=$(awk -v purposes=" $* " -v column="$column" '
    /^#/ || !index(purposes, " " $1 " ") || $column == "-" { next }
    { print $2, $column }' tools/packages.list |
    while read -r probe package; do
        case $probe in
            /*) [ -e "$probe" ] || echo "$package" ;;
            python3:*) python3 -c "import ${probe#*:}" 2>/dev/null || echo "$package" ;;
            *) command -v "$probe" >/dev/null || echo "$package" ;;
        esac
    done | sort -u | tr '\n' ' ')
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "packages: not root, so these are left out: $missing" >&2
elif [ "$column" = 4 ]; then
    # shellcheck disable=SC2086 # one word per package
    env ASSUME_ALWAYS_YES=yes pkg install $missing
elif command -v apt-get >/dev/null; then
    # With RUNLEVEL=1 invoke-rc.d(8) starts no daemon where systemd does not decide.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    exec </dev/null
    # shellcheck disable=SC2086
    apt-get install -qq -y --no-install-recommends $missing ||
        { apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing; }
else
    echo "packages: no apt-get and no pkg here; install the like of: $missing" >&2
fi
