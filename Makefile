# make alone lists the targets.
SHELL := /bin/sh
GO ?= go
BIN := bin/scalecheck

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/scalecheck
	$(GO) build -trimpath -o $(BIN) ./cmd/scalecheck

.PHONY: setup
setup: ## install what is missing: PostgreSQL server binaries, Chromium for the tests
	@.ci/setup postgres chromium

.PHONY: demo
demo: ## watch an application break, and hold the verdict to its word (two runs of a minute on a private PostgreSQL)
	@.ci/setup postgres
	@$(MAKE) --no-print-directory build
	$(BIN) demo

# One package at a time: these tests start servers and measure; side by side on
# two cores they would measure each other. Fuzzing is bounded by count: a time limit
# can end in a false "context deadline exceeded" (golang/go#75804).
.PHONY: test
test: setup ## everything that CI runs: real PostgreSQL, the built binary, a browser
	$(GO) test -p 1 -timeout 9m ./...
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime 20000x ./scenarios
	$(GO) test -run '^$$' -fuzz FuzzSkeleton -fuzztime 10000x ./scenarios

.PHONY: test-postgres-versions
test-postgres-versions: setup ## the same on PostgreSQL 13 to 18, fetched with npm where they are missing (about 20 minutes; VERSIONS=-some: those that can be had)
	$(GO) run ./internal/pg/versions $(VERSIONS)

.PHONY: race
race: setup ## the tests of what runs concurrently, with the race detector
	$(GO) test -race -timeout 15m ./evidence/... ./analyzers/... ./internal/engine/... ./internal/collect/... ./internal/record/... ./scenarios

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: accuracy
accuracy: build ## every fault and control, three seeds each: is the verdict right? (a minute a run; FAULT=name,name for some)
	$(GO) run ./internal/matrix/cmd -bin $(BIN) -out docs/results $(if $(FAULT),-fault $(FAULT)) $(ACCURACY)

.PHONY: bench-overhead
bench-overhead: setup build ## what observing costs: the bundled app at a moderate load, twice (3 minutes; the machine should be idle)
	$(GO) run ./internal/bench/overhead -bin $(BIN) -out docs/results

.PHONY: bench-analysis
bench-analysis: ## how long, and with how much memory, an hour with 5,000 statements is analyzed
	$(GO) run ./internal/bench/analysis -out docs/results

.PHONY: bench-users
bench-users: build ## ten thousand users who think: memory and lateness, beside plain k6 (BENCH="-for 30s -users 2000" for a short one)
	$(GO) run ./internal/bench/users -bin $(BIN) -out docs/results/users.json $(BENCH)

.PHONY: bench-generator
bench-generator: build ## processor time a request: scalecheck, plain k6, vegeta (BENCH="-rounds 1 -window 2s" for a short one)
	$(GO) run ./internal/bench/generator -bin $(BIN) -out docs/results/generator.json $(BENCH)

.PHONY: accuracy-mining
accuracy-mining: ## how faithful are mined models? logs of known users, one half fitted, the other judged; sent again (25 minutes; MINING="-users 0" without the app)
	@.ci/setup postgres
	$(GO) run ./scenarios/mine/accuracy -out docs/results $(MINING)

.PHONY: clean
clean: ## remove what building and running left here
	rm -rf bin scalecheck-out
