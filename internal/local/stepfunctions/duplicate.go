package stepfunctions

import (
	"encoding/json"
	"strings"
)

// duplicateKey finds a field that one object of a JSON document has twice. Go
// would keep the last one silently, and a state would be lost.
func duplicateKey(text string) (string, bool) {
	d := json.NewDecoder(strings.NewReader(text))
	// keys of the objects that are open, nil for an array. expectKey is per level.
	type level struct {
		keys map[string]bool
		key  bool
	}
	var open []level
	for {
		token, err := d.Token()
		if err != nil {
			return "", false
		}
		top := len(open) - 1
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			open = open[:top]
			continue
		}
		if top >= 0 && open[top].keys != nil {
			if open[top].key {
				name, _ := token.(string)
				if open[top].keys[name] {
					return name, true
				}
				open[top].keys[name] = true
				open[top].key = false
				continue
			}
			open[top].key = true
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}, key: true})
		case json.Delim('['):
			open = append(open, level{})
		}
	}
}
