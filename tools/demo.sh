#!/bin/sh
# Shows a jail from its release to its end, on this host for real, in a scratch directory
# that is its only source. Whatever happens, nothing is left behind, and that is checked.
# usage: sh tools/demo.sh; `IOC=path` is another binary than target/release/ioc.
set -eu
cd "$(dirname "$0")/.."
ioc=${IOC:-target/release/ioc}

if [ "$(id -u)" -ne 0 ]; then
    echo "demo: only root can make jails; run it as root" >&2
    exit 3
fi
[ -x "$ioc" ] || { echo "demo: there is no $ioc; run 'make demo'" >&2; exit 1; }

# It is part of every name that the demo gives: jails, mounts, cgroups, interfaces.
mark=demo$$
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ioc-$mark.XXXXXX")
# The system's own name of it, as mount tables have it.
scratch=$(cd "$scratch" && pwd -P)
IOC_SOURCE=$mark=$scratch
export IOC_SOURCE NO_COLOR=1

# What the demo could leave behind on the host.
traces() {
    mount | grep -F "$scratch" || :
    if [ "$(uname -s)" = Linux ]; then
        find /sys/fs/cgroup /run/ioc -name "*$mark*" 2>/dev/null || :
        ip -o link 2>/dev/null | grep -F "$mark" || :
    else
        jls -dn name 2>/dev/null | grep -F "$mark" || :
        ifconfig -a | grep -F "$mark" || :
        find /var/run/ioc -name "*$mark*" 2>/dev/null || :
    fi
}

# shellcheck disable=SC2329 # called by the trap
cleanup() {
    status=$?
    trap - EXIT
    trap '' HUP INT TERM
    # On success there is no jail any more, and this does nothing.
    [ ! -d "$scratch/jails/web" ] || "$ioc" destroy -f web >&2 || status=1
    left=$(traces)
    if [ -n "$left" ]; then
        echo "demo: left behind, and $scratch with it:" >&2
        echo "$left" >&2
        exit 1
    fi
    rm -rf "$scratch"
    [ "$status" -ne 0 ] || printf '\nDone, and looked after: no mount, jail, interface or file is left.\n'
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

show() {
    echo
    echo "\$ ioc $*"
    "$ioc" "$@" 2>&1
}

echo "A jail, from its release to its end. Its source is $scratch."
show fetch --host -r host
show list --release
show create -r host --plan web
show create -r host web
show start web
show exec web -- id
show exec web -- hostname
show list
show stop web
show destroy -f web
show destroy -r -f host
show list
