#!/bin/sh
# Makes .cache/freebsd: what a Debian machine needs to build for FreeBSD. Does nothing
# when it is there already.
#
# rustc and cargo are Debian's rustc-web and cargo-web, with the standard library's
# source (rust-web-src). They are unpacked into the cache instead of being installed:
# installed, they would drive Debian's own rustc, cargo or rustup off the machine.
# zig and cargo-zigbuild come from PyPI into a virtual environment beside them.
set -eu
cd "$(dirname "$0")/.."
cache=.cache/freebsd
debs="rustc-web cargo-web rust-web-src"

stamp=$(cat tools/freebsd-toolchain.pip "$0" | cksum)
[ "$(cat $cache/stamp 2>/dev/null)" != "$stamp" ] || exit 0

command -v apt-get >/dev/null ||
    { echo "freebsd: the cross build needs a Debian machine (packages $debs)" >&2; exit 1; }
sh tools/packages.sh freebsd
rm -rf $cache
mkdir -p $cache/deb $cache/rust

# Downloads what those packages need, less what is installed here anyway.
download() {
    # shellcheck disable=SC2086 # one word per package
    list=$(apt-get -s --no-install-recommends -o Dir::State::status=/dev/null install $debs |
        awk '$1 == "Inst" { print $2 }')
    wanted=
    for deb in $list; do
        case $deb in
            *rust*-web* | cargo-web) ;;
            *) dpkg-query -W -f '${db:Status-Abbrev}' "$deb" 2>/dev/null | grep -q '^ii' && continue ;;
        esac
        wanted="$wanted $deb"
    done
    # shellcheck disable=SC2086
    [ -n "$wanted" ] && (cd $cache/deb && apt-get -qq -o APT::Sandbox::User=root download $wanted)
}
download || { apt-get update -qq && download; }
for deb in "$cache"/deb/*.deb; do
    case $deb in
        */rust-web-src_*) # the library only: it is a fifth of the whole
            dpkg-deb --fsys-tarfile "$deb" |
                tar -x -C $cache/rust --wildcards './usr/lib/*' './usr/src/*/library/*' ;;
        *) dpkg-deb -x "$deb" $cache/rust ;;
    esac
done
rm -r $cache/deb

python3 -m venv $cache/python
$cache/python/bin/pip install -q --require-hashes --only-binary :all: -r tools/freebsd-toolchain.pip

echo "$stamp" >$cache/stamp
