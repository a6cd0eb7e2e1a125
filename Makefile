# Everything a developer or CI does, by name. Bare `make` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The programs a recording drives, and the Debian packages that bring them.
PROGRAMS := Xvfb pulseaudio ffmpeg ffprobe chromium chromedriver firefox-esr
PACKAGES := xvfb pulseaudio ffmpeg chromium chromium-driver firefox-esr fonts-dejavu-core ca-certificates
TEST_PROGRAMS := $(PROGRAMS) promtool cc
TEST_PACKAGES := $(PACKAGES) prometheus gcc libc6-dev

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: deps
deps: ## install the programs a recording needs (Debian packages)
	@$(call install,$(PROGRAMS) cc,$(PACKAGES) gcc libc6-dev)

.PHONY: test-deps
test-deps: ## the same, and what the tests judge with
	@$(call install,$(TEST_PROGRAMS),$(TEST_PACKAGES))

# install(programs, packages): nothing when every program is there; apt-get as root or through sudo otherwise.
define install
missing=""; for program in $(1); do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
if [ -n "$$missing" ]; then \
  echo "missing:$$missing"; \
  command -v apt-get >/dev/null || { echo "install the programs named above and try again"; exit 1; }; \
  as_root=""; [ "$$(id -u)" = 0 ] || as_root=sudo; \
  [ -z "$$as_root" ] || command -v sudo >/dev/null || { echo "run this as root first: apt-get install $(2)"; exit 1; }; \
  $$as_root apt-get -o DPkg::Lock::Timeout=300 -qq update && \
  DEBIAN_FRONTEND=noninteractive $$as_root apt-get -o DPkg::Lock::Timeout=300 -qq install --no-install-recommends -y $(2); \
fi
endef
