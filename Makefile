# Plain enough for BSD make and GNU make alike: the work is in cargo and in tools/*.sh.
# `all` builds, `test` tests, `check` is all that must be clean before a commit.

CARGO = cargo
PREFIX = /usr/local
DESTDIR =
# How long all fuzz targets take together.
MINUTES = 5

all:
	$(CARGO) build --release --locked -p ioc-cli

# Documentation tests come first: the last line is the test runner's summary.
test:
	sh tools/packages.sh test
	$(CARGO) test --locked --workspace --doc
	if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --locked --workspace; \
	else $(CARGO) test --locked --workspace --lib --bins --tests --examples; fi

# What `test` leaves out: the fault sweep on ZFS.
sweep:
	sh tools/packages.sh test
	if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --locked -p ioc-cli --test faults --run-ignored only; \
	else $(CARGO) test --locked -p ioc-cli --test faults -- --ignored; fi

check:
	sh tools/packages.sh check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps
	CARGO='$(CARGO)' sh tools/licences.sh
	sh tools/shellcheck.sh
	sh tools/freebsd.sh check

msrv:
	sh tools/msrv.sh

freebsd:
	sh tools/freebsd.sh

demo: all
	sh tools/demo.sh

bench: all
	sh tools/packages.sh bench
	sh bench/run.sh

fuzz:
	fuzz/run $(MINUTES)

install: all
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh tools/install.sh target/release/ioc

clean:
	$(CARGO) clean

# Also the FreeBSD toolchain.
distclean: clean
	rm -rf .cache

.PHONY: all test sweep check msrv freebsd demo bench fuzz install clean distclean
