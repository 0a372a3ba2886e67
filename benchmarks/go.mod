module github.com/isotope-wm/isotope/benchmarks

go 1.26

require (
	github.com/isotope-wm/isotope v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/dlclark/regexp2/v2 v2.5.1 // indirect
	github.com/tiktoken-go/tokenizer v0.10.0 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
)

replace github.com/isotope-wm/isotope => ../
