#!/bin/sh
# Checks the workspace with the oldest toolchain that it promises (rust-version in
# Cargo.toml), where the machine has that one.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
case $(rustc --version) in
    "rustc $version."*) exec cargo check --locked --workspace ;;
esac
if rustup run "$version" rustc --version >/dev/null 2>&1; then
    exec rustup run "$version" cargo check --locked --workspace --target-dir target/msrv
fi
echo "msrv: skipped, no rustc $version here"
