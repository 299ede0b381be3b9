package fleet

import (
	"errors"
	"fmt"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/route"
)

// validateRouting refuses routes and ways to tell duplicates that cannot work.
func (s Settings) validateRouting() error {
	_, routes := route.Parse(s.Routes)
	if s.DuplicateWindow == 0 {
		return routes
	}
	key, err := duplicate.ParseKey(s.DuplicateKey)
	errs := []error{routes, err}
	if err == nil && key.Fifo() && !s.Fifo {
		errs = append(errs, fmt.Errorf("DuplicateKey is %s and the queue is no FIFO queue: its messages have none; use messageId, attribute:NAME or a JSONPath into the body", s.DuplicateKey))
	}
	if s.MaxReceives < 2 {
		errs = append(errs, fmt.Errorf("DuplicateWindowSeconds is %d and MaxReceiveCount is %d: a message goes back once while another worker is at one like it; use at least 2", seconds(s.DuplicateWindow), s.MaxReceives))
	}
	return errors.Join(errs...)
}
