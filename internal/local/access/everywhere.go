package access

import "strings"

// everywhere are the actions that AWS lets be allowed on every resource only, in
// lower case, with the page that says so.
var everywhere = func() map[string]string {
	const (
		reference    = "https://docs.aws.amazon.com/service-authorization/latest/reference/"
		lambdaPage   = reference + "list_awslambda.html"
		statesPage   = reference + "list_awsstepfunctions.html"
		cloudWatch   = reference + "list_amazoncloudwatch.html"
		batchPage    = reference + "list_awsbatch.html"
		xrayPage     = reference + "list_awsx-ray.html"
		deliveryPage = "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"
	)
	pages := map[string]string{}
	add := func(page, service string, actions ...string) {
		for _, action := range actions {
			pages[strings.ToLower(service+":"+action)] = page
		}
	}
	add(deliveryPage, "logs", logDelivery...)
	add(xrayPage, "xray", tracing...)
	add(xrayPage, "xray", sampling...)
	// The token is what permits.
	add(statesPage, "states", "SendTaskHeartbeat", "SendTaskSuccess", "SendTaskFailure")
	add(batchPage, "batch", "DescribeJobs")
	add(lambdaPage, "lambda", "GetAccountSettings", "ListEventSourceMappings")
	add(cloudWatch, "cloudwatch", "PutMetricData", "GetMetricData")
	// Composite alarms are told of to who may describe every alarm.
	add("https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html", "cloudwatch", "DescribeAlarms")
	return pages
}()

// Everywhere says whether AWS lets an action be allowed on every resource only,
// and the page that says so: its Resource has to be "*".
func Everywhere(action string) (page string, forced bool) {
	page, forced = everywhere[strings.ToLower(action)]
	return page, forced
}
