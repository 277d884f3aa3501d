#!/bin/sh
# Measures ioc side by side with crun and bubblewrap, in one run, round by round. Usage: bench/run.sh [ROUNDS]
set -eu
rounds=${1:-10}
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "the benchmark makes jails, for which it must be root" >&2; exit 3; }
PATH="$PWD/target/release:$PATH"
scratch=$(mktemp -d)
export PATH IOC_SOURCE="bench=$scratch/source"
mkdir "$scratch/source" "$scratch/times"
trap 'ioc stop --force "*" >/dev/null 2>&1; rm -rf "$scratch"' EXIT

# What the kernel says of one command, in seconds: wall, user and system.
measure() {
    name=$1; shift
    /usr/bin/time -a -o "$scratch/times/$name" -f '%e %U %S' "$@" >/dev/null 2>&1
}
median() { sort -n "$1" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
ioc_cycle() {
    ioc create -r host b && ioc start b && ioc exec b -- true && ioc stop b && ioc destroy -f b
}
crun_cycle() {
    crun --root "$scratch/crun" create -b "$scratch/bundle" b && crun --root "$scratch/crun" start b &&
        crun --root "$scratch/crun" exec b true && crun --root "$scratch/crun" delete -f b
}

ioc fetch --host -r host >/dev/null 2>&1
measure version ioc --version
measure empty-list ioc list

# A bundle for crun that does what the jail does: the host's directories, read-only.
mkdir -p "$scratch/bundle/rootfs/usr" "$scratch/bundle/rootfs/proc" "$scratch/bundle/rootfs/dev"
for link in bin sbin lib lib64; do ln -s "usr/$link" "$scratch/bundle/rootfs/$link"; done
(cd "$scratch/bundle" && crun spec)
python3 - "$scratch/bundle/config.json" <<'P'
import json, sys
config = json.load(open(sys.argv[1]))
config["process"]["terminal"] = False
config["process"]["args"] = ["sleep", "1000"]
config["mounts"] = [m for m in config["mounts"] if m["type"] not in ("cgroup", "sysfs")]
config["mounts"].append({"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]})
config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "network"]
json.dump(config, open(sys.argv[1], "w"))
P

bwrap_run() {
    bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
        --proc /proc --dev /dev --unshare-pid --unshare-uts --unshare-ipc true
}
now() { date +%s.%N; }
round=0
while [ "$round" -lt "$rounds" ]; do
    for what in ioc_cycle crun_cycle bwrap_run; do
        before=$(now)
        $what >/dev/null 2>&1
        now | awk -v before="$before" '{ print $1 - before }' >>"$scratch/times/$what"
    done
    round=$((round + 1))
done

ioc create -e template >/dev/null 2>&1
i=1
while [ "$i" -lt 1000 ]; do
    cp -r "$scratch/source/jails/template" "$scratch/source/jails/jail$i"
    i=$((i + 1))
done
for _ in 1 2 3 4 5; do measure list-1000 ioc list; done

echo "version:            $(cat "$scratch/times/version") s (wall, user, system)"
echo "empty list:         $(cat "$scratch/times/empty-list") s"
echo "list of 1000 jails: $(median "$scratch/times/list-1000") s wall (median of 5)"
echo "create, start, exec true, stop, destroy, median of $rounds:"
a=$(median "$scratch/times/ioc_cycle"); b=$(median "$scratch/times/crun_cycle")
echo "  ioc               $a s"
echo "  crun (no create and destroy of a root) $b s"
echo "  bubblewrap (one run of true)           $(median "$scratch/times/bwrap_run") s"
awk -v a="$a" -v b="$b" 'BEGIN { printf "  ioc / crun        %.2f\n", a / b }'
