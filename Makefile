# The commands of this repository. Each does what it needs from a fresh clone on.

.DEFAULT_GOAL := help
.PHONY: help run build test gate bench fuzz clean-demo

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build and start a demo server under ./var; Ctrl-C ends it
	@scripts/run-demo

build: ## Build the release program target/release/waypost
	cargo build --release --locked -p waypost

test: ## Install what the tests need, then run all of them
	@scripts/install-test-tools
	@scripts/run-tests

gate: ## Format, tidy, clippy, deny and tests: what a change must pass
	@scripts/install-test-tools
	@cargo xtask gate

bench: ## Measure a Waypost of its own, SECONDS=6 for each row (bench/run.sh)
	@bench/run.sh "$(SECONDS)"

fuzz: ## Fuzz every parser for SECONDS=60 each, or TARGET=name alone
	@scripts/fuzz "$(TARGET)" "$(SECONDS)"

clean-demo: ## Remove the demo server's mail, users and settings
	rm -rf ./var
