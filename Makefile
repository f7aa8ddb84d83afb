# The commands of this repository. Each does what it needs from a fresh clone on.

.DEFAULT_GOAL := help

# Where `make install` puts things. DESTDIR, for packages, goes in front of all of them.
PREFIX = /usr/local
SBINDIR = $(PREFIX)/sbin
SYSCONFDIR = /etc
LOCALSTATEDIR = /var
RUNSTATEDIR = /run
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/waypost
BASHCOMPDIR = $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR = $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR = $(PREFIX)/share/fish/vendor_completions.d
UNITDIR = $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(PREFIX)/lib/tmpfiles.d
# The user that the installed server runs as.
WAYPOST_USER = waypost
# What is installed; built when it is missing.
PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/waypost
export DESTDIR PREFIX SBINDIR SYSCONFDIR LOCALSTATEDIR RUNSTATEDIR MANDIR DOCDIR BASHCOMPDIR \
    ZSHCOMPDIR FISHCOMPDIR UNITDIR SYSUSERSDIR TMPFILESDIR WAYPOST_USER PROGRAM
.PHONY: help run build install uninstall test gate bench bench-compare bench-growth bench-connections fuzz powercut clean-demo

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build and start a demo server under ./var; Ctrl-C ends it
	@scripts/run-demo

build: ## Build the release program target/release/waypost
	$(if $(filter-out /etc,$(SYSCONFDIR)),WAYPOST_SYSCONFDIR=$(SYSCONFDIR)) cargo build --release --locked -p waypost

$(PROGRAM):
	$(MAKE) build

install: $(PROGRAM) ## Install the program, its links, manuals and unit below PREFIX=/usr/local
	@scripts/install

uninstall: ## Remove what install put there; configuration and mail stay
	@scripts/install remove

test: ## Install what the tests need, then run all of them
	@scripts/install-test-tools
	@scripts/run-tests

gate: ## Format, tidy, clippy (fuzz targets too), deny and tests: what a change must pass
	@scripts/install-test-tools
	@cargo xtask gate

bench: ## Measure a Waypost of its own, SECONDS=6 for each row (bench/run.sh)
	@bench/run.sh "$(SECONDS)"

bench-compare: ## As root: measure beside Debian's Dovecot, SECONDS=5 for each row, ROUNDS=3 (bench/compare.sh)
	@bench/compare.sh "$(SECONDS)" "$(ROUNDS)"

bench-growth: ## Measure with ever more messages, folders and users, and plot it (bench/growth.sh)
	@bench/growth.sh

bench-connections: ## Measure 5,000 idle connections, notices beside 10,000 and a siege (bench/connections.sh)
	@bench/connections.sh

fuzz: ## Fuzz every parser for SECONDS=60 each, or TARGET=name alone
	@scripts/fuzz "$(TARGET)" "$(SECONDS)"

powercut: ## Cut the power at STATES=100000 moments of a recording of the store's writer
	WAYPOST_POWERCUT_STATES=$(or $(STATES),100000) cargo test --release --locked -p waypost-store-local --test powercut \
	    every_cut -- --nocapture

clean-demo: ## Remove the demo server's mail, users and settings
	rm -rf ./var
