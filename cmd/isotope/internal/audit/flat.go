package audit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// flat returns the values of a JSON object by path.
func flat(text []byte) map[string]string {
	out := make(map[string]string)
	var walk func(path string, value json.RawMessage)
	walk = func(path string, value json.RawMessage) {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) == nil && len(object) > 0 {
			for name, v := range object {
				walk(strings.TrimPrefix(path+"."+name, "."), v)
			}
			return
		}
		out[path] = string(value)
	}
	walk("", text)
	return out
}

// keys returns the keys of both, in order.
func keys(a, b map[string]string) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}
