# Every door of the project; what stands behind them is in xtask/ and scripts/setup.sh.

# Outside of the checkout, so that a fresh clone does not build everything again. `target` is a link to it.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/downstage/target
export PATH := $(CARGO_TARGET_DIR)/node/bin:$(HOME)/.cargo/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: advisories bench check codegen help run test

help: ## List these
	@sed -nE 's/^([a-z]+): ## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## Install what is missing, build, and run `downstage dev` here (ARGS="--ephemeral")
	@scripts/setup.sh run
	@cargo run --locked --release --package downstage-server -- dev $(ARGS)

test: ## Run everything that CI runs, real browser included
	@scripts/setup.sh test
	@cargo xtask test

check: ## Check format, lints, documents, imports, house rules, generated code, licences
	@scripts/setup.sh check
	@cargo xtask check

bench: ## Measure (ARGS for one measurement); docs/performance.md says what the figures mean
	@scripts/setup.sh $(if $(filter sfu,$(ARGS)),peers,bench)
	@cargo build --locked --release --package downstage-server --package downstage-bench
	@BENCH_PEERS=$(CARGO_TARGET_DIR)/bench-peers MOTO_SERVER=$(CARGO_TARGET_DIR)/bench-python/bin/moto_server cargo run --locked --release --package downstage-bench -- $(ARGS)

codegen: ## Take the API's shapes from the pinned model; print crates/wire, openapi.json and docs/api.md from them
	@cargo xtask spec && cargo xtask codegen

advisories: ## Look up known vulnerabilities of what is linked; needs the network
	@cargo xtask advisories
