package scale

// Steering is what people and alarms ask of a fleet, whatever its depth is.
type Steering struct {
	// Why are the reasons, which the decision's reason begins with.
	Why []string
	// NoStarts lets no worker start. Those that work go on.
	NoStarts bool
	// SendHome sends every worker home, at once, and lets none start.
	SendHome bool
}

func (s Steering) stopsStarts() bool { return s.NoStarts || s.SendHome }
