package sqs

// Policy is the policy of the queue of that ARN, in JSON. Empty where it has none.
// SQS itself does not judge: who enforces IAM asks for it.
func (s *Service) Policy(arn string) string {
	if q := s.byARN(arn); q != nil {
		return q.settings.Load().values["Policy"]
	}
	return ""
}
