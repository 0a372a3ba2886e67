package kernel

//go:generate go run -C _asm . -family aes -out ../aes_amd64.s -stubs ../aes_amd64.go -pkg kernel
//go:generate go run -C _asm . -family mask -out ../mask_amd64.s -stubs ../mask_amd64.go -pkg kernel
//go:generate go run -C _asm . -family bias -out ../bias_amd64.s -stubs ../bias_amd64.go -pkg kernel
//go:generate go run -C _asm . -family scan -out ../scan_amd64.s -stubs ../scan_amd64.go -pkg kernel
//go:generate go run -C _asm . -family score -out ../score_amd64.s -stubs ../score_amd64.go -pkg kernel
//go:generate go run -C _asm . -family score512 -out ../score512_amd64.s -stubs ../score512_amd64.go -pkg kernel
//go:generate go run -C _asm . -family lanes -out ../lanes_amd64.s -stubs ../lanes_amd64.go -pkg kernel
//go:generate go run -C _asm . -family fused -out ../fused_amd64.s -stubs ../fused_amd64.go -pkg kernel
