#!/bin/sh
# Measures ioc, and the life of a jail side by side with that of a container of crun(1) and
# bwrap(1), where these are installed. Everything happens in a scratch directory; rounds are
# interleaved, so that whatever else the machine does falls on all alike.
# usage: sh bench/run.sh [ROUNDS]; JAILS (1000) and IOC (target/release/ioc) can be set.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-10}
jails=${JAILS:-1000}
ioc=${IOC:-target/release/ioc}

[ "$(uname -s)" = Linux ] || { echo "bench: skipped, for Linux only so far"; exit 0; }
[ "$(id -u)" -eq 0 ] || { echo "bench: only root can make jails; run it as root" >&2; exit 3; }
[ -x "$ioc" ] || { echo "bench: there is no $ioc; run 'make bench'" >&2; exit 1; }
case $ioc in /*) ;; *) ioc=$PWD/$ioc ;; esac

# crun refuses a mix of both versions of control groups, so all are measured where only version 2 is seen.
if [ -d /sys/fs/cgroup/unified ] && [ -z "${IOC_BENCH_INSIDE:-}" ]; then
    IOC_BENCH_INSIDE=1
    export IOC_BENCH_INSIDE IOC="$ioc" JAILS="$jails"
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec unshare -m sh -c 'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec sh bench/run.sh "$1"' \
        sh "$rounds"
fi

mark=bench$$
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ioc-$mark.XXXXXX")
times=$scratch/times
IOC_SOURCE=$mark=$scratch/source
export IOC_SOURCE NO_COLOR=1
empty=--source=$mark=$scratch/empty
many=--source=$mark=$scratch/many
mkdir "$scratch/source" "$scratch/many" "$scratch/empty" "$scratch/bundle"

# shellcheck disable=SC2329 # called by the trap
cleanup() {
    status=$?
    trap - EXIT
    trap '' HUP INT TERM
    crun delete -f "$mark" 2>/dev/null || :
    [ ! -d "$scratch/source/jails/web" ] || "$ioc" destroy -f web >&2 || :
    if grep -qF "$scratch" /proc/mounts; then
        echo "bench: something is still mounted below $scratch, which is kept" >&2
        exit 1
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

have() { command -v "$1" >/dev/null; }
quiet() { "$@" >"$scratch/said" 2>&1 </dev/null || { echo "bench: failed: $*" >&2; cat "$scratch/said" >&2; exit 1; }; }

# Notes the wall time of a command, in microseconds, under NAME.
timed() {
    name=$1
    shift
    begin=$(date +%s%N)
    quiet "$@"
    end=$(date +%s%N)
    echo "$name $(((end - begin) / 1000))" >>"$times"
}

# The same base for all three: the host's directories, read-only.
bundle() {
    mkdir "$scratch/bundle/rootfs"
    mounts=
    for directory in usr etc/alternatives; do
        [ -d "/$directory" ] || continue
        mkdir -p "$scratch/bundle/rootfs/$directory"
        mounts="$mounts, {\"destination\": \"/$directory\", \"source\": \"/$directory\", \"type\": \"bind\", \"options\": [\"rbind\", \"ro\"]}"
    done
    for link in bin sbin lib lib64; do
        [ ! -L "/$link" ] || cp -P "/$link" "$scratch/bundle/rootfs/$link"
    done
    cat >"$scratch/bundle/config.json" <<JSON
{"ociVersion": "1.0.0", "hostname": "web", "root": {"path": "rootfs"},
 "process": {"user": {"uid": 0, "gid": 0}, "args": ["/usr/bin/sleep", "1000"], "cwd": "/", "env": ["PATH=/usr/bin:/bin"]},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}$mounts],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]}}
JSON
}

ioc_life() {
    timed "ioc create" "$ioc" create -r host web
    timed "ioc start" "$ioc" start web
    timed "ioc exec" "$ioc" exec web -- true
    timed "ioc stop" "$ioc" stop web
    timed "ioc destroy" "$ioc" destroy -f web
}

# What ioc makes in `create` the bundle has from the start: there is no step to compare.
crun_life() {
    timed "crun start" crun_start
    # shellcheck disable=SC2086 # one word per argument
    timed "crun exec" $crun exec "$mark" true
    timed "crun stop" crun_stop
}
# shellcheck disable=SC2086 # one word per argument
crun_start() { $crun create --bundle "$scratch/bundle" "$mark" && $crun start "$mark"; }
# shellcheck disable=SC2086
crun_stop() { $crun kill "$mark" KILL && $crun delete -f "$mark"; }

# bwrap keeps no container: one run is start, exec and stop at once.
bwrap_life() {
    timed "bwrap run" bwrap --unshare-pid --unshare-ipc --unshare-uts --hostname web --bind "$scratch/bundle/rootfs" / \
        --ro-bind /usr /usr --proc /proc --dev /dev -- true
}

quiet "$ioc" fetch --host -r host
bundle
# One empty jail by ioc, the others are copies of its directory.
quiet "$ioc" "$many" create -e j1
i=2
while [ "$i" -le "$jails" ]; do
    cp -R "$scratch/many/jails/j1" "$scratch/many/jails/j$i"
    i=$((i + 1))
done
found=$("$ioc" "$many" list -H -o name | wc -l)
[ "$found" -eq "$jails" ] || { echo "bench: $found jails instead of $jails" >&2; exit 1; }

# Without systemd crun may be unable to make a control group; it is compared without one then.
crun=crun
if have crun && ! crun_start >"$scratch/said" 2>&1 </dev/null; then
    crun="crun --cgroup-manager=disabled"
    crun delete -f "$mark" 2>/dev/null || :
    quiet crun_start
    echo "crun runs without control groups: $(tail -n 1 "$scratch/said")"
fi
! have crun || quiet crun_stop

round=1
while [ "$round" -le "$rounds" ]; do
    timed "nothing -" /bin/true
    timed "ioc version" "$ioc" --version
    timed "ioc list_empty" "$ioc" "$empty" list
    timed "ioc list_many" "$ioc" "$many" list
    ioc_life
    ! have crun || crun_life
    ! have bwrap || bwrap_life
    round=$((round + 1))
done

echo "median wall time in ms of $rounds rounds; list_many: $jails stopped jails"
echo "'nothing' is /bin/true: the price of starting and timing a program, part of every number"
sort -k1,1 -k2,2 -k3n "$times" | awk '
    function flush() {
        if (!n) return
        m = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
        median[last] = m
        printf "%-20s %9.2f\n", last, m / 1000
    }
    { key = $2 == "-" ? $1 : $1 " " $2; if (key != last) { flush(); n = 0; last = key } v[++n] = $3 }
    END {
        flush()
        split("start exec stop", step, " ")
        for (i = 1; i <= 3; i++) {
            ours += median["ioc " step[i]]
            theirs += median["crun " step[i]]
            if (median["crun " step[i]])
                printf "%-20s %9.2f\n", "ioc/crun " step[i], median["ioc " step[i]] / median["crun " step[i]]
        }
        if (theirs) printf "%-20s %9.2f\n", "ioc/crun all three", ours / theirs
        if (median["bwrap run"]) printf "%-20s %9.2f\n", "ioc/bwrap all three", ours / median["bwrap run"]
    }'

have strace || { echo "programs started: not counted, strace is not installed"; exit 0; }
echo
echo "programs started, ioc itself and the command in the jail included:"
count() {
    name=$1
    shift
    quiet strace -f -qq -e trace=execve -e signal=none -o "$scratch/trace" "$@"
    printf '%-20s %9d\n' "$name" "$(grep -c 'execve(.* = 0$' "$scratch/trace")"
}
count "ioc list_empty" "$ioc" "$empty" list
count "ioc list_many" "$ioc" "$many" list
count "ioc create" "$ioc" create -r host web
# The jail outlives `start`, and strace -f would wait for it.
quiet "$ioc" start web
count "ioc exec" "$ioc" exec web -- true
count "ioc stop" "$ioc" stop web
count "ioc destroy" "$ioc" destroy -f web
