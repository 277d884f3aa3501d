#!/bin/sh
# usage: sh tools/freebsd.sh [check|tests]
# Builds for FreeBSD with warnings denied: the command as target/freebsd/ioc. With `check`
# the tests are type-checked as well; with `tests` they are built, as target/freebsd/tests/NAME
# (tests/freebsd/run takes them and the command to a guest).
# On FreeBSD itself this is the native build; elsewhere a cross build with the toolchain
# of tools/freebsd-toolchain.sh, for FreeBSD 14 and newer on amd64, as zig's stubs go
# back no further. For older ones set FREEBSD_SYSROOT to a directory that holds that
# release's /lib, /usr/lib and /usr/include: then clang and lld link against it.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
out=target/freebsd
what=${1:-}
export RUSTFLAGS="-Dwarnings"
# Whole-program optimisation costs each test binary a minute, and a port has its own build.
export CARGO_PROFILE_RELEASE_LTO=off

if [ "$(uname -s)" = FreeBSD ]; then
    target_dir=$out/native
    binaries=$target_dir/release
    build() { cargo build "$@"; }
    check() { cargo check "$@"; }
    test_build() { cargo test --no-run "$@"; }
    set --
else
    sh tools/freebsd-toolchain.sh
    cache=$root/.cache/freebsd
    target_dir=$out/zig
    triple=x86_64-unknown-freebsd
    rust=$cache/rust/usr
    LD_LIBRARY_PATH=$(echo "$rust"/lib/*-linux-gnu)
    export LD_LIBRARY_PATH RUSTC_BOOTSTRAP=1
    export RUSTC="$rust/bin/rustc" RUSTDOC="$rust/bin/rustdoc" CARGO="$rust/bin/cargo"
    export PATH="$cache/python/bin:$PATH"
    export CARGO_ZIGBUILD_CACHE_DIR="$cache/zig" ZIG_GLOBAL_CACHE_DIR="$cache/zig"
    build() { cargo-zigbuild zigbuild "$@"; }
    check() { cargo-zigbuild check "$@"; }
    test_build() { cargo-zigbuild test --no-run "$@"; }
    if [ -n "${FREEBSD_SYSROOT:-}" ]; then
        sh tools/packages.sh sysroot
        sysroot=$(cd "$FREEBSD_SYSROOT" && pwd)
        osreldate=$(awk '$1 == "#define" && $2 == "__FreeBSD_version" { print $3 }' "$sysroot/usr/include/sys/param.h")
        version=$((osreldate / 100000)).$((osreldate / 1000 % 100))
        clang="--target=$triple$version --sysroot=$sysroot"
        target_dir=$out/$version
        # The note that tells the kernel the release, as lld's --gc-sections drops that of crt1.o.
        mkdir -p "$target_dir"
        note=$root/$target_dir/note.o
        printf '.section .note.tag,"a",%%note\n.4byte 8, 4, 1\n.asciz "FreeBSD"\n.4byte %s\n' "$osreldate" |
            clang --target=$triple -x assembler -c -o "$note" -
        export CC_x86_64_unknown_freebsd=clang CFLAGS_x86_64_unknown_freebsd="$clang"
        export AR_x86_64_unknown_freebsd=llvm-ar
        export CARGO_TARGET_X86_64_UNKNOWN_FREEBSD_LINKER=clang
        for word in $clang -fuse-ld=lld "$note"; do RUSTFLAGS="$RUSTFLAGS -Clink-arg=$word"; done
        build() { "$CARGO" build "$@"; }
        check() { "$CARGO" check "$@"; }
        test_build() { "$CARGO" test --no-run "$@"; }
    fi
    binaries=$target_dir/$triple/release
    set -- --target $triple -Zbuild-std=std,panic_abort
fi

build --release --locked --workspace --bins --target-dir "$target_dir" "$@"
mkdir -p $out/tests
cp "$binaries/ioc" $out/ioc

if [ "$what" = check ]; then
    check --locked --workspace --all-targets --target-dir "$target_dir" "$@"
fi
if [ "$what" != tests ]; then
    echo "$out/ioc"
    exit 0
fi

set -- --release --locked --workspace --lib --bins --tests --target-dir "$target_dir" "$@"
test_build "$@"
# A second call builds nothing and lists what there is: one line of JSON for each.
test_build --message-format=json "$@" 2>/dev/null |
    sed -n '/"profile":{[^}]*"test":true}/s/.*"manifest_path":"\([^"]*\)\/Cargo.toml".*"executable":"\([^"]*\)".*/\1 \2/p' |
    sort -r >$out/built

# tests.list: NAME DIRECTORY, the directory being where cargo would run it; what takes long comes last.
rm -f $out/tests/* $out/tests.list
while read -r package path; do
    name=${path##*/}
    [ -e "$out/tests/${name%-*}" ] || name=${name%-*}
    cp "$path" "$out/tests/$name"
    echo "$name ${package#"$root"/}" >>$out/tests.list
done <$out/built
echo "$out/ioc and $(wc -l <$out/tests.list) test binaries in $out/tests"
