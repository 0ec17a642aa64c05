package main

import (
	"fmt"
	"sort"
	"strings"
)

// show writes a loose value so that equal ones read the same, whichever of Go's
// types its codec has chosen for it.
func show(v interface{}) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case []byte:
		return fmt.Sprintf("%q", string(v))
	case string:
		return fmt.Sprintf("%q", v)
	case []interface{}:
		var parts []string
		for _, item := range v {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case map[string]interface{}:
		loose := make(map[interface{}]interface{}, len(v))
		for key, value := range v {
			loose[key] = value
		}
		return show(loose)
	case map[interface{}]interface{}:
		var parts []string
		for key, value := range v {
			parts = append(parts, show(key)+":"+show(value))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, " ") + "}"
	default:
		return fmt.Sprint(v)
	}
}
