module github.com/isotope-wm/isotope/benchmarks

go 1.26.0

require (
	github.com/isotope-wm/isotope v0.0.0
	github.com/klauspost/compress v1.20.4
	github.com/stretchr/testify v1.12.1
	github.com/tiktoken-go/tokenizer v0.10.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/andybalholm/brotli v1.2.0 // indirect
	github.com/ardanlabs/jinja v1.1.0 // indirect
	github.com/dlclark/regexp2/v2 v2.5.1 // indirect
	github.com/ebitengine/purego v0.10.0 // indirect
	github.com/hybridgroup/yzma v1.26.1 // indirect
	github.com/jupiterrider/ffi v0.7.0 // indirect
	github.com/mikelolasagasti/xz v1.0.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)

replace github.com/isotope-wm/isotope => ../
