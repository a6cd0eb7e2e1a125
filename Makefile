# Everything a developer or CI does, by name. Bare `make` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The programs a recording drives, and the Debian packages that bring them.
PROGRAMS := Xvfb pulseaudio ffmpeg ffprobe chromium chromedriver firefox-esr
PACKAGES := xvfb pulseaudio ffmpeg chromium chromium-driver firefox-esr fonts-dejavu-core ca-certificates
TEST_PROGRAMS := $(PROGRAMS) prometheus promtool cc
TEST_PACKAGES := $(PACKAGES) prometheus gcc libc6-dev

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: demo
demo: deps ## record a sample call for real, and show what came out
	cargo build --quiet
	cargo run --quiet -- demo

.PHONY: run
run: deps ## serve with ./config.toml
	cargo run --release -- --config config.toml

.PHONY: check
check: cc-deps fmt-check lint doc deny ## everything that can be checked without recording

.PHONY: test
test: mount-right test-deps ## all tests, as root; the last suite records with real browsers
	cargo test --workspace --lib
	cargo test --test suite -- --test-threads=8
	cargo test --test real -- --test-threads=1

.PHONY: churn
churn: cc-deps ## a million synthetic recordings over 1,000 backends through the real actors, twice, each of them counted
	cargo run --release -- churn --recordings 1000000 --laps 2

.PHONY: bench
bench: deps ## what a recording costs on this machine, beside the reference's encoder settings
	cargo bench --bench cost

.PHONY: bench-http
bench-http: cc-deps ## what the server's own doors cost, asked by wrk
	@$(call install,wrk,wrk)
	cargo bench --bench http

.PHONY: bench-upload
bench-upload: cc-deps ## what an upload costs; GIB=10 is its size
	cargo bench --bench upload -- --gib $(or $(GIB),10)

.PHONY: fmt
fmt: ## format the code
	cargo fmt --all

.PHONY: fmt-check
fmt-check:
	cargo fmt --all --check

.PHONY: lint
lint: ## clippy, warnings are errors
	cargo clippy --workspace --all-targets -- --deny warnings

.PHONY: doc
doc: ## the code's own documentation, warnings are errors
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --document-private-items --quiet

# Built from source once, into target/tools.
TOOLS := $(CURDIR)/target/tools
$(TOOLS)/bin/cargo-%:
	cargo install --quiet --locked --root $(TOOLS) cargo-$*

.PHONY: deny
deny: $(TOOLS)/bin/cargo-deny $(TOOLS)/bin/cargo-machete ## licences, sources and bans of the dependencies, and unused ones
	$(TOOLS)/bin/cargo-deny check licenses bans sources
	$(TOOLS)/bin/cargo-machete .

.PHONY: deps
deps: ## install the programs that a recording needs (Debian packages)
	@$(call install,$(PROGRAMS) cc,$(PACKAGES) gcc libc6-dev)

# Debian has a Prometheus serve on port 9090 as soon as it is installed. The tests start one of their own, so that one is
# kept from starting, and stays disabled. One that is there already is left as it is.
.PHONY: test-deps
test-deps: ## the same, and what the tests judge with
	@new=""; if [ -d /run/systemd/system ] && ! command -v prometheus >/dev/null; then new=prometheus.service; fi; \
	[ -z "$$new" ] || $(AS_ROOT) systemctl --quiet --runtime mask $$new; \
	( $(call install,$(TEST_PROGRAMS),$(TEST_PACKAGES)) ); installed=$$?; \
	[ -z "$$new" ] || $(AS_ROOT) systemctl --quiet --runtime unmask $$new; \
	[ -z "$$new" ] || [ $$installed != 0 ] || $(AS_ROOT) systemctl --quiet disable $$new; \
	exit $$installed

# One test has a disk of its own that gets full.
.PHONY: mount-right
mount-right:
	@unshare --mount mount -t tmpfs small-disk /mnt 2>/dev/null || \
	{ echo "one of the tests mounts a small disk: run this as root, in a container with CAP_SYS_ADMIN"; exit 1; }

.PHONY: cc-deps
cc-deps:
	@$(call install,cc,gcc libc6-dev)

AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo)

# install(programs, packages): nothing when every program is there; apt-get as root or through sudo otherwise.
define install
missing=""; for program in $(1); do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
if [ -n "$$missing" ]; then \
  echo "missing:$$missing"; \
  command -v apt-get >/dev/null || { echo "install the programs named above and try again"; exit 1; }; \
  [ -z "$(AS_ROOT)" ] || command -v sudo >/dev/null || { echo "run this as root first: apt-get install $(2)"; exit 1; }; \
  $(AS_ROOT) apt-get -o DPkg::Lock::Timeout=300 -qq update && \
  DEBIAN_FRONTEND=noninteractive $(AS_ROOT) apt-get -o DPkg::Lock::Timeout=300 -qq install --no-install-recommends -y $(2); \
fi
endef
