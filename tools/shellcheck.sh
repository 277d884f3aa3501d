#!/bin/sh
# Runs shellcheck over every shell script of the repository, where it is installed.
set -eu
cd "$(dirname "$0")/.."

command -v shellcheck >/dev/null || { echo "shellcheck: skipped, not installed"; exit 0; }
git grep -lE '^#! ?(/bin/sh|/usr/bin/env bash)' -- . ':!*.in' | xargs shellcheck
# rc.d scripts: rc.subr is elsewhere and sets their variables, sh is FreeBSD's,
# and flags are split into words on purpose.
git grep -lE '^#! ?/bin/sh' -- '*.in' | xargs shellcheck -s sh -e SC1091,SC2034,SC2086,SC2154,SC2223,SC3043
