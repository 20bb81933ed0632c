# Everything a contributor runs. `make help` lists it.

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 30s
# gotestsum runs go test and says how many tests ran, and which were skipped.
GOTESTSUM := go run gotest.tools/gotestsum@v1.13.0 --format pkgname
GOTESTSUM_VERBOSE := go run gotest.tools/gotestsum@v1.13.0 --format standard-verbose
GO_TEST := REPRISE_REQUIRE_SERVERS=1 $(GOTESTSUM) -- -race -shuffle=on -count=1
# Modules of their own, so that what they need reaches no user's go.sum.
MODULES := example/ecosystem bench

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what the tests need and is missing (Debian, Ubuntu, macOS)
	@scripts/setup.sh

.PHONY: test
test: setup ## install what is missing and run all tests but the torture and the outages, long suites in their short form
	$(GO_TEST) -short $$(go list ./... | grep -v -e /internal/torture -e /internal/outage)

.PHONY: ecosystem
ecosystem: setup ## test the recipes for ORMs and generators, and that each variant of the benchmarks does its work
	@for dir in $(MODULES); do (cd $$dir && $(GO_TEST) ./...) || exit 1; done

.PHONY: storm
storm: setup ## book seats from 32 clients while connections are killed, for 20 s on each database
	REPRISE_REQUIRE_SERVERS=1 go test -race -count=1 -v -run 'TestBookingsSurviveTerminatedBackends' ./example/server

.PHONY: torture
torture: setup ## prove that nothing is lost or done twice, under faults of all kinds (LONG=1: 10,000 requests a database; SEED=n: once more)
	REPRISE_REQUIRE_SERVERS=1 $(GOTESTSUM_VERBOSE) -- -race -count=1 -timeout 90m ./internal/torture/... \
		$(if $(LONG),-torture.long) $(if $(SEED),-torture.seed=$(SEED))

.PHONY: outage
outage: setup ## take databases away under load: restart, silent network, promotion, Galera (LONG=1: as measured, and draws docs/outage.svg)
	REPRISE_REQUIRE_SERVERS=1 $(GOTESTSUM_VERBOSE) -- -count=1 -timeout 20m ./internal/outage \
		$(if $(LONG),-outage.long -outage.svg=$(CURDIR)/docs/outage.svg,-race)

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME (30s)
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ { f[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print f[i], $$2; n = 0 }' | \
	while read -r target pkg; do \
		echo "fuzz $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
	done

.PHONY: bench
bench: setup ## measure Reprise beside pgx, cockroach-go, go-transaction-manager and database/sql: 15 minutes (BENCH='-rounds 3 -only "PostgreSQL, one write"')
	cd bench && go run . -svg ../docs/bench.svg $(BENCH)

.PHONY: microbench
microbench: setup ## benchmark single functions
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: run
run: ## run the example server
	go run ./example/server

.PHONY: check
check: ## formatting, vet and module hygiene
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt'; exit 1; }
	go vet ./...
	go mod tidy -diff
	@for dir in $(MODULES); do (cd $$dir && go vet ./... && go mod tidy -diff) || exit 1; done

.PHONY: lint
lint: check ## check, and the linters of .golangci.yml
	go run $(GOLANGCI_LINT) run
	@for dir in $(MODULES); do (cd $$dir && go run $(GOLANGCI_LINT) run) || exit 1; done
