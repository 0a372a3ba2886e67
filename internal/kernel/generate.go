package kernel

//go:generate go run -C gen . -family aes -out ../aes_amd64.s -stubs ../aes_amd64.go -pkg kernel
//go:generate go run -C gen . -family mask -out ../mask_amd64.s -stubs ../mask_amd64.go -pkg kernel
//go:generate go run -C gen . -family bias -out ../bias_amd64.s -stubs ../bias_amd64.go -pkg kernel
//go:generate go run -C gen . -family scan -out ../scan_amd64.s -stubs ../scan_amd64.go -pkg kernel
//go:generate go run -C gen . -family score -out ../score_amd64.s -stubs ../score_amd64.go -pkg kernel
//go:generate go run -C gen . -family lanes -out ../lanes_amd64.s -stubs ../lanes_amd64.go -pkg kernel
//go:generate go run -C gen . -family fused -out ../fused_amd64.s -stubs ../fused_amd64.go -pkg kernel
