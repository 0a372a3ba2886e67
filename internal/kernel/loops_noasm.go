//go:build purego || !(amd64 || arm64)

package kernel

// Without assembly there is Generic alone, and nobody comes here.
const noLoops = "kernel: no assembly in this build"

func subWord(uint32) uint32 { panic(noLoops) }

func streamBlocks(*byte, int, *Keys, *Nonce, uint32) { panic(noLoops) }

func encryptBlocks(_, _ *[BlockSize]byte, _ int, _ *Keys) { panic(noLoops) }

func maskGroups(int, *byte, *byte, int, *[3][BlockSize]byte) { panic(noLoops) }

func biasGroups(*float32, int, *byte, float32) { panic(noLoops) }

func biasHalf(Format, *float32, *uint16, int, *byte, float32) { panic(noLoops) }

func scoreGroups([]byte, []Input, *Keys, *scoreTable) { panic(noLoops) }

func packPlaces(*Input, *int32, int, *Input) { panic(noLoops) }

func floor([]float32, float32) int { return 0 }

func countLanes(*[MaxLanes]uint8, []Input, []Input) { panic(noLoops) }

// processTurns is of amd64 alone: elsewhere a row is marked in chunks.
func (t *Table) processTurns(*Keys, *Nonce, []float32) int { return 0 }
