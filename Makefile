# `make` lists the targets; `make ci` is what CI runs.

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: ci
ci: fmt tidy vet lint prose generate test purego race nested cross qemu vectors reproducible ## everything CI checks

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

.PHONY: man
man: ## the man pages of all verbs, in man/
	go run ./cmd/isotope man man

.PHONY: prose
prose: ## the English of the pages and of the help texts, by the rules of CONTRIBUTING.md
	@set -e; dir="$$(mktemp -d)"; trap 'rm -r "$$dir"' EXIT; \
	go build -o "$$dir/isotope" ./cmd/isotope; .vale/help "$$dir/isotope" "$$dir/help"; \
	pages="$$(git ls-files -co --exclude-standard '*.md' ':!benchmarks/results' ':!*/testdata/*')"; test -n "$$pages"; \
	go tool -modfile=go.prose.mod vale --no-global --config=.vale.ini --output=line $$pages "$$dir/help"

.PHONY: generate
generate: ## generate the assembly again, and fail when that changes it
	@set -e; dir="$$(mktemp -d)"; trap 'rm -r "$$dir"' EXIT; cp internal/kernel/*_amd64.* "$$dir"; go generate ./internal/kernel; \
	for f in internal/kernel/*_amd64.*; do cmp "$$f" "$$dir/$$(basename "$$f")"; done

.PHONY: test
test: ## the tests, as in the README, and those of the command with llama.cpp
	go test ./...
	go test -tags llama -run 'RealGGUF|WithoutLlama' ./cmd/isotope

.PHONY: llama
llama: ## fetch llama.cpp and a small model, which some tests need
	sh internal/llamacpp/fetch.sh

.PHONY: vocabularies
vocabularies: ## fetch the vocabularies and the programs that the tests of package tokenize compare with
	python3 tokenize/testdata/fetch.py

.PHONY: long
long: ## what takes hours: 20 million ids of each tokenizer, inputs of 16 MiB, 10^7 tests of unmarked text, long fuzzing, and 1,000 kills
	go test ./tokenize -count=1 -timeout 24h -run 'TestReferences|TestEveryCharacter' -compare.every -compare.ids 20000000 \
		-compare.table "$(CURDIR)/benchmarks/results/tokenizers-compared.txt"
	go test ./tokenize -count=1 -timeout 24h -run 'TestWork|TestSplitLong' -long
	go test ./detect/informed -count=1 -timeout 24h -run TestInformedUnderTheNull -informed.long 10000000
	go test ./watermark/interop -count=1 -timeout 6h -run 'NullLaws|NotIndependent' -interop.long
	go test ./internal/scan -count=1 -timeout 24h -run 'TestKills|TestPlanted' -scan.kills 1000 -scan.documents 100000 -scan.keys 20
	$(MAKE) fuzz FUZZTIME=10m
	ISOTOPE_KILLS=1000 go test -count=1 -timeout 6h -run 'Kills' ./cmd/isotope/internal/collect

.PHONY: purego
purego: ## build everything, and test the core, without assembly, the standard library's included
	go build -tags purego ./...
	go vet -tags purego ./...
	go test -short -tags purego ./watermark/... ./detect/... ./tokenize/... ./internal/...

# Tests of package detect that compute for long in one goroutine, where the race detector
# has nothing to find and takes ten times as long.
NUMERIC = BruteForce|BoundsFromAbove|BackendsAgree|Moments|PowerOf|BetsAreFair|TestShare|TextTable|NullPanel|UnderTheNull|SequentialNull|SegmentsErrorRate

.PHONY: race
race: ## the race detector where goroutines meet: core packages, collection, server, experiment
	go test -race -short ./watermark/... ./tokenize/... ./internal/prf/... ./internal/kernel/... ./internal/tokset/... ./internal/lm/... ./cmd/isotope/internal/collect/... ./internal/openaiserver/... ./internal/llamacpp/... ./internal/scan ./provenance ./examples/server/...
	go test -race -short -skip '$(NUMERIC)' ./detect/...
	go test -race -run 'Student|Keyring|Progress' ./cmd/isotope
	cd benchmarks && go test -race -short ./tokens && go test -race -run Alone ./distill

.PHONY: nested
nested: ## vet and tests of the nested modules, which `go test ./...` does not reach
	@set -e; mods="$$(git ls-files '*/go.mod')"; test -n "$$mods"; \
	for mod in $$mods; do dir=$$(dirname $$mod); echo "== $$dir"; (cd $$dir && go mod tidy -diff && go vet ./... && go test ./...); done

.PHONY: cross
cross: ## build and vet, tests included, for other platforms; no product is fused; run the core on 32 bits
	@set -e; for p in linux/arm64 linux/386 linux/s390x darwin/arm64 windows/amd64; do \
		echo "== $$p"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} go build ./...; \
		GOOS=$${p%/*} GOARCH=$${p#*/} go vet ./...; \
	done
	ISOTOPE_CROSS=1 go test -count=1 -run 'RoundsAlike|FusesNothing' ./internal
	GOARCH=386 go test -short ./watermark/... ./detect/... ./internal/prf/... ./internal/kernel/... ./internal/tail/... ./internal/tokset/...

.PHONY: qemu
qemu: ## run what depends on the processor on emulated ones; ISOTOPE_REQUIRE_TOOLS=1 to fail without an emulator
	@set -e; for p in arm64:aarch64:neon s390x:s390x:generic riscv64:riscv64:generic; do \
		arch=$${p%%:*}; rest=$${p#*:}; emulator=qemu-$${rest%:*}; \
		if ! command -v $$emulator >/dev/null; then \
			echo "!!! SKIPPED: nothing was tested on $$arch, for want of $$emulator (Debian: qemu-user) !!!" >&2; \
			test -z "$$ISOTOPE_REQUIRE_TOOLS"; continue; \
		fi; \
		echo "== $$arch"; ISOTOPE_REQUIRE_BACKEND=$${p##*:} GOARCH=$$arch \
			go test -short -exec $$emulator ./internal/kernel ./internal/prf; \
		GOARCH=$$arch go test -short -exec $$emulator -run 'Golden|Edges' ./internal/tail; \
		GOARCH=$$arch go test -exec $$emulator -run GreenLawBits ./watermark; \
		ISOTOPE_EMULATOR=$$emulator ISOTOPE_EMULATED=$$arch go test -count=1 -run ReplayElsewhere ./cmd/isotope; \
	done

.PHONY: vectors
vectors: ## the test vectors against a second reading of the wire format and OpenSSL
	@set -e; dir="$$(mktemp -d)"; trap 'rm -r "$$dir"' EXIT; python3 testdata/vectors/generate.py write "$$dir"; \
	for f in testdata/vectors/*.json; do cmp "$$f" "$$dir/$$(basename "$$f")"; done
	ISOTOPE_REQUIRE_TOOLS=1 go test -count=1 -run 'OpenSSL|Vectors|SecondReader' ./watermark/... ./detect/... ./internal/prf/... ./cmd/isotope/...

# How long each fuzz target runs: a number of inputs, or a time such as 10m. A time can end a run with
# "context deadline exceeded", which is not a finding. CI does not search: what a random search finds
# depends on luck. There, `make test` tries the seeds of each target and a fixed set of their neighbours.
FUZZTIME = 1000x

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME; slow parsers fail as broken ones do
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | grep -v '^./benchmarks\|^./integrations' | xargs -n 1 dirname | sort -u); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$dir/*_test.go); do \
			echo "== $$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$dir; \
		done; \
	done

.PHONY: reproducible
reproducible: ## build the command from two folders, and fail when the bytes differ
	@set -e; dir="$$(mktemp -d)"; trap 'rm -r "$$dir"' EXIT; mkdir "$$dir/elsewhere"; \
	git ls-files -z -co --exclude-standard | tar --null -T - -cf - | tar -C "$$dir/elsewhere" -xf -; \
	build="env CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-buildid="; \
	$$build -o "$$dir/here.bin" ./cmd/isotope; (cd "$$dir/elsewhere" && $$build -o "$$dir/there.bin" ./cmd/isotope); \
	cmp "$$dir/here.bin" "$$dir/there.bin"; \
	if grep -qF -e "$$PWD" -e "$$dir" "$$dir/here.bin"; then echo "the program holds the name of the folder that built it"; exit 1; fi; \
	sha256sum "$$dir/here.bin" | sed 's/ .*//'

.PHONY: notices
notices: ## the licences of what is linked into the command, for who passes a binary on
	@sh .ci/notices ./cmd/isotope

.PHONY: vulncheck
VULNDB = https://vuln.go.dev
vulncheck: ## known faults in dependencies; needs the database at vuln.go.dev
	@go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db $(VULNDB) ./... || { echo "govulncheck found a fault, or could not reach its database" >&2; exit 1; }
