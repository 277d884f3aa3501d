#!/bin/sh
# A whole session with ioc on a scratch source: a release, a jail, a command in it; nothing is left behind.
set -eu

if [ "$(id -u)" -ne 0 ]; then
    echo "the demo makes a jail, for which it must be root" >&2
    exit 3
fi
cd "$(dirname "$0")/.."
PATH="$PWD/target/release:$PATH"
scratch=$(mktemp -d)
IOC_SOURCE="demo=$scratch/source"
export PATH IOC_SOURCE
mkdir "$scratch/source"

clean_up() {
    ioc stop --force demo-web >/dev/null 2>&1 || true
    ioc destroy --force demo-web >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

run ioc fetch --host -r host
run ioc create -r host demo-web notes='made by the demo'
run ioc start --plan demo-web
run ioc start demo-web
run ioc exec demo-web -- sh -c 'echo hello; hostname; id -un'
run ioc list
run ioc stop demo-web
run ioc destroy --force demo-web
run ioc destroy --force -r host
echo
echo "done; nothing of it is left"
