package report

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostile is text that breaks out of HTML, of an attribute, of SVG and of a script wherever it
// is not escaped.
const hostile = `</style></pre></svg><script>alert("x")</script>'"&<b>`

// fill sets every string in a value to text, every slice to two elements, every pointer to a
// value, and every number and bool to one. It so reaches fields that are added later.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(-1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			quoted, _ := json.Marshal(map[string]string{text: text})
			v.SetBytes(quoted)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Name != "Warnings" || v.Field(i).Kind() == reflect.Slice && v.Type().Field(i).Type.Elem().Kind() == reflect.String {
				fill(v.Field(i), text)
			}
		}
	}
}

// requireSelfContained checks what holds for every page, whatever is in it.
func requireSelfContained(t *testing.T, page string) {
	t.Helper()
	for _, bad := range []string{"<script", "javascript:", "http://", "https://", "<link", "src=", "NaN", "Inf", "%!", "ZgotmplZ", "<no value>"} {
		require.NotContains(t, page, bad)
	}
}
