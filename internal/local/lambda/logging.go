package lambda

import "github.com/musterq/muster/internal/local/api"

// logEvents is what Lambda asks CloudWatch Logs for in a role's name.
type logEvents struct {
	LogGroupName  string `json:"logGroupName"`
	LogStreamName string `json:"logStreamName"`
}

// logsOf is where what an environment writes goes: nowhere if the function's role
// may not log. The function runs on, as it does on AWS.
//
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
func (s *Service) logsOf(f Function, environment string) func(function, environment string, line []byte) {
	for _, operation := range []string{"CreateLogStream", "PutLogEvents"} {
		call := api.Call{
			Service: "logs", Operation: operation, Input: &logEvents{f.LogGroup, environment},
			Caller: api.Caller{RoleARN: f.Role, Function: f.Name},
		}
		if f.Role != "" && s.router.Allowed(s.ctx, call) != nil {
			return nil
		}
	}
	return s.sink(f.LogGroup)
}
