package stepfunctions

// courier makes the calls of one thread, one after the other, on a goroutine of
// its own: Step Functions does not take back a call that was sent, so neither
// does a task that ends before its call.
type courier struct {
	// orders never block: there is one at a time.
	orders chan order
	// ended takes what the last call came to. It never blocks.
	ended chan ending
}

// order is one call to make.
type order struct {
	call integration
	job  *job
}

// send gives an order to the thread's courier, who is hired with the first one.
// What the call comes to is heard on the channel, unless the courier is
// dismissed.
func (t *thread) send(o order) <-chan ending {
	if t.courier == nil {
		c := &courier{make(chan order, 1), make(chan ending, 1)}
		s := t.x.service
		s.running.Go(func() {
			for o := range c.orders {
				result, f := o.call.call(s.ctx, o.job)
				c.ended <- ending{result, f}
			}
		})
		t.courier = c
	}
	t.courier.orders <- o
	return t.courier.ended
}

// dismiss lets the courier end, after the call that it may still be making.
// Nobody hears what that comes to.
func (t *thread) dismiss() {
	if t.courier != nil {
		close(t.courier.orders)
		t.courier = nil
	}
}
