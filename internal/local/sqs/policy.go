package sqs

// Key is the KMS key that encrypts the messages of the queue of that ARN. Empty
// for none.
func (s *Service) Key(arn string) string {
	if q := s.byARN(arn); q != nil {
		return q.settings.Load().values["KmsMasterKeyId"]
	}
	return ""
}

// Policy is the policy of the queue of that ARN, in JSON. Empty where it has none.
// SQS itself does not judge: who enforces IAM asks for it.
func (s *Service) Policy(arn string) string {
	if q := s.byARN(arn); q != nil {
		return q.settings.Load().values["Policy"]
	}
	return ""
}
