# The one way to build, test and try motmot. `make` lists the targets; CI calls the same ones.
# Arguments are passed on: make demo ARGS='--seconds 20', make test ARGS='-p motmot-core'.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test sim chaos fuzz lint build release bench fmt clean
MAKEFLAGS += --no-builtin-rules

ARGS ?=
# CI builds exactly what Cargo.lock says; at a desk, cargo may write down a dependency that was just added.
LOCKED := $(if $(CI),--locked)
# One environment, one cargo profile and the whole workspace's features for demo, test and lint, so that nothing is built twice: `-p` would
# select other features of the dependencies, and compile them again.
WITH_ENV := eval "$$(deploy/local/env)";

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: ## install all that is missing for the other targets; a second run does nothing
	@deploy/local/setup build
	@deploy/local/setup test
	@deploy/local/setup lint

demo: ## the main job on a simulated bank morning, with no other server (Ctrl-C ends it)
	@deploy/local/setup build
	@$(WITH_ENV) cargo build $(LOCKED) --workspace --bin motmot
	@$(WITH_ENV) "$$CARGO_TARGET_DIR/debug/motmot" demo $(ARGS)

test: ## all tests, on a real Kafka and real Prometheus tools
	@deploy/local/setup test
	@$(WITH_ENV) deploy/local/kafka run cargo test $(LOCKED) --workspace $(ARGS)

SEEDS ?= 1000

sim: ## whole workers against a model of Kafka, SEEDS=n of them (FROM=n: from there on; SEED=n TRACE=1: one, told step by step)
	@deploy/local/setup build
	@$(WITH_ENV) SEEDS=$(SEEDS) cargo test $(LOCKED) -p motmot-stream --lib -- --exact simulator::tests::seeds --nocapture

MINUTES ?= 10

chaos: ## three brokers and four workers, killed, frozen and restarted for MINUTES=n, held against a replay (SEED=n: these faults again)
	@deploy/local/setup test
	@$(WITH_ENV) cargo build $(LOCKED) --workspace --bin motmot --bin chaos
	@$(WITH_ENV) "$$CARGO_TARGET_DIR/debug/chaos" $(MINUTES) $(SEED)

fuzz: ## whatever reads bytes from outside, fuzzed: TARGET=name or all, for MINUTES=n of CPU time each (needs a nightly compiler)
	@deploy/local/setup build
	@fuzz/run "$(TARGET)" "$(MINUTES)"

lint: ## formatting, clippy, docs, shell scripts, and the licences and sources of the dependencies
	@deploy/local/setup lint
	cargo fmt --all --check
	shellcheck -x deploy/local/env deploy/local/kafka deploy/local/setup .ci/run fuzz/run
	@# Advisories are left out: their database is fetched from a site that CI does not reach. `cargo deny check` has all.
	$(WITH_ENV) cargo deny --log-level warn check bans licenses sources
	$(WITH_ENV) cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	$(WITH_ENV) RUSTDOCFLAGS='-D warnings' cargo doc $(LOCKED) --workspace --no-deps --quiet

build: ## the program, as demo and test build it
	@deploy/local/setup build
	$(WITH_ENV) cargo build $(LOCKED) --workspace $(ARGS)

release: ## the program as it is shipped: optimised, with the bundled RocksDB compiled in (26 min on 2 cores)
	@deploy/local/setup build
	@# Its own folder: built with another RocksDB and other flags, it would undo the builds of `make bench`, and they its.
	@$(WITH_ENV) export CARGO_TARGET_DIR="$$MOTMOT_CACHE/release"; unset ROCKSDB_LIB_DIR RUSTFLAGS; \
	cargo build --locked --release -p motmot $(ARGS); \
	ls -l "$$CARGO_TARGET_DIR/release/motmot"

bench: ## the benchmarks, optimised, on a real Kafka
	@deploy/local/setup test
	@$(WITH_ENV) deploy/local/kafka run cargo bench $(LOCKED) -p motmot-benches $(ARGS)

fmt: ## format the Rust code
	cargo fmt --all

clean: ## delete what was built; what `make setup` fetched stays
	@$(WITH_ENV) rm -rf "$$CARGO_TARGET_DIR" "$$MOTMOT_CACHE/release"
