package expression

// Equal says whether two values are the same JSON value: numbers by their
// value, so that 1 equals 1.0, objects without regard to order.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case int64:
		switch b := b.(type) {
		case int64:
			return a == b
		case float64:
			return float64(a) == b
		}
		return false
	case float64:
		switch b := b.(type) {
		case int64:
			return a == float64(b)
		case float64:
			return a == b
		}
		return false
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for i := range a {
			if !Equal(a[i], other[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for k, v := range a {
			w, ok := other[k]
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	case string, bool, nil:
		// Comparing interfaces whose dynamic types differ is safe and false.
		switch b.(type) {
		case string, bool, nil:
			return a == b
		}
	}
	return false
}
