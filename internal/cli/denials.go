package cli

import (
	"fmt"
	"io"
	"sync"

	"github.com/musterq/muster/internal/local/access"
)

// denials tells of each permission that a role lacks, once.
func denials(w io.Writer) func(access.Denial) {
	var mu sync.Mutex
	told := map[string]bool{}
	return func(d access.Denial) {
		text := d.String()
		mu.Lock()
		defer mu.Unlock()
		if !told[text] {
			told[text] = true
			fmt.Fprintln(w, text)
		}
	}
}
