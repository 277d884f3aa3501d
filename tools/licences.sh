#!/bin/sh
# Checks the licence of every crate that ends up in the binary, on Linux or FreeBSD,
# against the list in deny.toml. Prints the crates that do not fit; exit status 1 if any.
set -eu
cd "$(dirname "$0")/.."

allowed=$(sed -n '/^allow = \[/,/^\]/s/^ *"\(.*\)",$/\1/p' deny.toml)
[ -n "$allowed" ] || { echo "licences: no list in deny.toml" >&2; exit 2; }

crates=$(${CARGO:-cargo} tree --locked --workspace --edges no-dev --prefix none --no-dedupe \
    --target x86_64-unknown-linux-gnu --target x86_64-unknown-freebsd --format '{l}|{p}' | sort -u)

# An SPDX expression fits when it is true with 1 for each allowed licence and 0 for
# each other one. `/` is an old spelling of OR.
printf '%s\n' "$crates" | ALLOWED="$allowed" awk -F'|' '
    BEGIN { n = split(ENVIRON["ALLOWED"], list, "\n"); for (i = 1; i <= n; i++) allow[list[i]] = 1 }
    # Without brackets: AND binds tighter, so what is left is ones and zeros joined by OR.
    function flat(expr) {
        while (sub(/1&1/, "1", expr) || sub(/0&[01]|1&0/, "0", expr)) continue
        return expr ~ /1/
    }
    function value(expr,    words, n, i, word, out) {
        gsub(/\//, " OR ", expr); gsub(/[()]/, " & ", expr)
        n = split(expr, words, " ")
        for (i = 1; i <= n; i++) {
            word = words[i]
            if (words[i + 1] == "WITH") { word = word " WITH " words[i + 2]; i += 2 }
            if (word == "AND") out = out "&"
            else if (word == "OR") out = out "|"
            else if (word ~ /[()]/) out = out word
            else out = out ((word in allow) ? 1 : 0)
        }
        while (match(out, /[(][^()]*[)]/))
            out = substr(out, 1, RSTART - 1) flat(substr(out, RSTART + 1, RLENGTH - 2)) substr(out, RSTART + RLENGTH)
        return flat(out)
    }
    NF < 2 { next }
    { total++ }
    !value($1) { bad++; printf "licences: %s: %s\n", $2, ($1 == "" ? "none stated" : $1) }
    END { if (bad) exit 1; printf "licences: %d crates, all allowed\n", total }'
