#!/bin/sh
# Runs the test binaries inside a FreeBSD guest; tests/freebsd/run calls it, as root, in
# a copy of the repository. Makes a pool of the scratch disk, runs every binary where
# cargo would, with IOC_BIN (the command) and IOC_TEST_POOL (the pool; unset where there
# is no ZFS) in the environment, and compares the host before and after.
# Of the fault sweep, which takes hours in an emulated machine, only `start` on ZFS is run,
# unless IOC_SWEEP is set.
# usage: sh tests/freebsd/guest.sh [TEST-ARGUMENT...]
set -eu
root=$PWD
disk=/dev/vtbd1
pool=ioctest
export IOC_BIN="$root/target/freebsd/ioc" RUST_BACKTRACE=1 INSTA_WORKSPACE_ROOT="$root"

# A firewall module that a test loads must not cut the connection to us.
kenv net.inet.ip.fw.default_to_accept=1 >/dev/null

if kldload -n zfs && zpool create -f -O mountpoint="/$pool" $pool $disk; then
    export IOC_TEST_POOL=$pool
else
    echo "no ZFS here: directory store only"
fi

# What the tests must leave as it was.
state() {
    echo "-- mount"; mount -p
    echo "-- ifconfig"; ifconfig -l | tr ' ' '\n'
    echo "-- jls"; jls -d jid name
    echo "-- rctl"; rctl 2>/dev/null || true
    echo "-- devfs rulesets"; devfs rule showsets
    echo "-- zfs"; zfs list -H -t all -o name 2>/dev/null || true
}

work=$(mktemp -d)
state >"$work/before"
while read -r name directory; do
    echo "== $name"
    part=
    if [ "$name" = faults ] && [ $# -eq 0 ] && [ -z "${IOC_SWEEP:-}" ]; then part=zfs::start::; fi
    # shellcheck disable=SC2086 # no word or one
    {
        status=0
        (cd "$directory" && CARGO_MANIFEST_DIR="$PWD" "$root/target/freebsd/tests/$name" --test-threads=1 $part "$@") \
            2>&1 </dev/null || status=$?
        echo $status >"$work/status"
    } | tee "$work/output"
    # `test result: ok. 12 passed; 0 failed; 1 ignored; ...`; a crash leaves it out.
    result=$(sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed; \([0-9]*\) ignored;.*/\1 \2 \3/p' "$work/output")
    if [ -z "$result" ]; then
        echo "$name ended with status $(cat "$work/status") and no result"
        result="0 1 0"
    fi
    echo "$result" >>"$work/results"
done <target/freebsd/tests.list

state >"$work/after"
if ! diff "$work/before" "$work/after"; then
    echo "the tests left the host changed, see above"
    echo "0 1 0" >>"$work/results"
fi
[ -z "${IOC_TEST_POOL:-}" ] || zpool destroy $pool

echo "== $(uname -srm), $(sysctl -n hw.model)"
awk '{ passed += $1; failed += $2; ignored += $3 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored; exit failed > 0 }' "$work/results"
