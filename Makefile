# `make` lists the targets; `make ci` is what CI runs.

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: ci
ci: fmt tidy vet lint test purego race nested cross vectors fuzz ## everything CI checks

.PHONY: fmt
fmt: ## fail when gofmt would change a file
	@files="$$(git ls-files '*.go')" && test -n "$$files" && out="$$(gofmt -l $$files)" && \
	if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

.PHONY: tidy
tidy: ## fail when go.mod or go.sum would change
	go mod tidy -diff

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: lint
lint: ## staticcheck
	go tool -modfile=go.tools.mod staticcheck ./...

.PHONY: test
test: ## the tests, as in the README
	go test ./...

.PHONY: purego
purego: ## build everything, and test the core, without assembly, the standard library's included
	go build -tags purego ./...
	go vet -tags purego ./...
	go test -short -tags purego ./watermark/... ./detect/... ./tokenize/... ./internal/...

.PHONY: race
race: ## the race detector on the core packages and the server
	go test -race -short ./watermark/... ./detect/... ./tokenize/... ./internal/prf/... ./internal/kernel/... ./internal/tokset/... ./internal/lm/... ./examples/server/...

.PHONY: nested
nested: ## vet and tests of the nested modules, which `go test ./...` does not reach
	@set -e; mods="$$(git ls-files '*/go.mod')"; test -n "$$mods"; \
	for mod in $$mods; do dir=$$(dirname $$mod); echo "== $$dir"; (cd $$dir && go mod tidy -diff && go vet ./... && go test ./...); done

.PHONY: cross
cross: ## build and vet, tests included, for other platforms; run the core on 32 bits
	@set -e; for p in linux/arm64 linux/386 linux/s390x darwin/arm64 windows/amd64; do \
		echo "== $$p"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} go build ./...; \
		GOOS=$${p%/*} GOARCH=$${p#*/} go vet ./...; \
	done
	GOARCH=386 go test -short ./watermark/... ./detect/... ./internal/prf/... ./internal/kernel/... ./internal/tail/... ./internal/tokset/...

.PHONY: vectors
vectors: ## the test vectors against a second reading of the wire format and OpenSSL
	@set -e; dir=$$(mktemp -d); trap 'rm -r $$dir' EXIT; python3 testdata/vectors/generate.py write $$dir; \
	for f in testdata/vectors/*.json; do cmp $$f $$dir/$$(basename $$f); done
	ISOTOPE_REQUIRE_TOOLS=1 go test -count=1 -run 'OpenSSL|Vectors|SecondReader' ./watermark/... ./detect/... ./internal/prf/... ./cmd/isotope/...

.PHONY: fuzz
fuzz: ## every fuzz target for a fixed number of inputs
	@set -e; for pkg in $$(go list ./...); do \
		targets="$$(go test -list '^Fuzz' $$pkg)"; \
		for target in $$(echo "$$targets" | sed -n '/^Fuzz/p'); do \
			echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime 10000x $$pkg; \
		done; \
	done
