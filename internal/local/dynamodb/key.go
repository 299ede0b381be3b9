package dynamodb

// Key is the KMS key that encrypts a table. Empty for none of the account's own.
func (s *Service) Key(tableName string) string {
	s.mu.RLock()
	t := s.tables[tableName]
	s.mu.RUnlock()
	if t == nil || t.input.SSESpecification == nil || !t.input.SSESpecification.Enabled {
		return ""
	}
	return t.input.SSESpecification.KMSMasterKeyID
}
