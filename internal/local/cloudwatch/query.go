package cloudwatch

import "github.com/musterq/muster/internal/local/awsquery"

// codec translates the query protocol, which older AWS CLIs speak. The values of
// dimensions and tags stay texts.
var codec = awsquery.Codec{
	Namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
	Numbers: []string{
		"Counts", "DatapointsToAlarm", "EvaluationPeriods", "MaxDatapoints", "MaxRecords", "Maximum", "Minimum", "Period",
		"SampleCount", "Sum", "Threshold", "Value", "Values",
	},
	Booleans: []string{"ActionsEnabled", "ReturnData"},
	Texts:    []string{"Dimensions", "Tags"},
}
