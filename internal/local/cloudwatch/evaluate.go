package cloudwatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// point is one data point that an alarm looks at.
type point struct {
	start   time.Time
	value   float64
	missing bool
}

// spare is how many data points an alarm attempts to get beyond its evaluation
// periods, in case some are missing. CloudWatch does not publish the number; the
// example of the page has two.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const spare = 2

// attempted is how many data points the alarm looks for.
func (a *alarm) attempted() int { return a.EvaluationPeriods + spare }

// watched are the metrics of all alarms, each once, in order. The caller holds
// s.mu.
func (s *Service) watched() []metric {
	metrics := map[string]metric{}
	for _, a := range s.alarms {
		metrics[a.metric.key()] = a.metric
	}
	var list []metric
	for _, key := range slices.Sorted(maps.Keys(metrics)) {
		list = append(list, metrics[key])
	}
	return list
}

// evaluate evaluates all alarms by name. The caller holds s.mu.
func (s *Service) evaluate(now time.Time) []change {
	end := now.Truncate(resolution)
	var changes []change
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		to := end
		if s.sources[a.Namespace] != nil {
			to = to.Add(-s.options.MetricDelay.Truncate(resolution))
		}
		if next, ok := a.judge(s.points(a, to)); ok {
			next.since = now.UTC()
			changes = append(changes, a.become(next)...)
		}
	}
	return changes
}

// points are the alarm's data points up to a time, the newest first.
func (s *Service) points(a *alarm, to time.Time) []point {
	points := make([]point, a.attempted())
	for i := range points {
		from := to.Add(-a.period())
		data, ok := s.between(a.metric, from, to)
		points[i] = point{start: from.UTC(), missing: !ok}
		if ok {
			points[i].value = data.value(a.Statistic)
		}
		to = from
	}
	return points
}

// judge says what the state is by the data points, the newest first. It is
// false when the alarm keeps its state.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func (a *alarm) judge(points []point) (next state, ok bool) {
	var real []point
	breaching, oldest := 0, 0
	for i, p := range points {
		if p.missing || len(real) == a.EvaluationPeriods {
			continue
		}
		real = append(real, p)
		oldest = i + 1
		if a.breaches(p.value) {
			breaching++
		}
	}
	lacking := a.EvaluationPeriods - len(real)
	value := stateOK
	switch {
	case breaching >= a.DatapointsToAlarm:
		value = stateAlarm
	case lacking == 0:
	case a.TreatMissingData == treatBreaching && breaching+lacking >= a.DatapointsToAlarm:
		value = stateAlarm
	case a.TreatMissingData == treatBreaching, a.TreatMissingData == treatNotBreaching:
	case len(real) == 0 && a.TreatMissingData == treatMissing:
		value = stateInsufficientData
	case len(real) == 0:
		return state{}, false
	case breaching < len(real):
	// All that is there breaches, but it is too little. An alarm waits until the
	// oldest is as old as the data points that it needs.
	case a.TreatMissingData == treatMissing && oldest >= a.DatapointsToAlarm:
		value = stateAlarm
	default:
		return state{}, false
	}
	return state{value: value, reason: a.reason(value, real, breaching, lacking), data: a.reasonData(points, real)}, true
}

func (a *alarm) breaches(value float64) bool {
	return comparisons[a.ComparisonOperator].breaches(value, *a.Threshold)
}

// reason words why the alarm is in a state, as CloudWatch does.
func (a *alarm) reason(value string, real []point, breaching, lacking int) string {
	if value == stateInsufficientData {
		return "Insufficient Data: " + count(a.EvaluationPeriods, "datapoint was", "datapoints were") + " unknown."
	}
	if len(real) == 0 {
		treated := "NonBreaching"
		if a.TreatMissingData == treatBreaching {
			treated = "Breaching"
		}
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %s and %s treated as [%s].",
			count(a.EvaluationPeriods, "period", "periods"), count(lacking, "missing datapoint was", "missing datapoints were"), treated)
	}
	needed, transition, not := a.DatapointsToAlarm, "OK -> ALARM", ""
	shown := slices.DeleteFunc(slices.Clone(real), func(p point) bool { return !a.breaches(p.value) })
	if value == stateOK {
		needed, transition, not = a.EvaluationPeriods-a.DatapointsToAlarm+1, "ALARM -> OK", "not "
		shown = slices.DeleteFunc(slices.Clone(real), func(p point) bool { return a.breaches(p.value) })
	}
	were := "were"
	if len(shown) == 1 {
		were = "was"
	}
	values := make([]string, len(shown))
	for i, p := range shown {
		values[i] = decimal(p.value) + " (" + p.start.Format("02/01/06 15:04:05") + ")"
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %s [%s] %s %s%s the threshold (%s) (minimum %s for %s transition).",
		len(shown), count(a.EvaluationPeriods, "datapoints", "datapoints"), strings.Join(values, ", "), were, not,
		comparisons[a.ComparisonOperator].words, decimal(*a.Threshold), count(needed, "datapoint", "datapoints"), transition)
}

func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return strconv.Itoa(n) + " " + plural
}

// decimal writes a number as Java does: 50 is "50.0".
func decimal(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// moment is how CloudWatch writes times in events.
const moment = "2006-01-02T15:04:05.000-0700"

// reasonData is what a program reads instead of the reason.
func (a *alarm) reasonData(points, real []point) string {
	recent := []float64{}
	for _, p := range slices.Backward(real) {
		recent = append(recent, p.value)
	}
	start := points[len(points)-1].start
	if len(real) > 0 {
		start = real[len(real)-1].start
	}
	// Numbers and times always encode.
	data, _ := json.Marshal(struct {
		Version   string    `json:"version"`
		QueryDate string    `json:"queryDate"`
		StartDate string    `json:"startDate"`
		Statistic string    `json:"statistic"`
		Period    int       `json:"period"`
		Recent    []float64 `json:"recentDatapoints"`
		Threshold float64   `json:"threshold"`
	}{"1.0", time.Now().UTC().Format(moment), start.Format(moment), a.Statistic, a.Period, recent, *a.Threshold})
	return string(data)
}
