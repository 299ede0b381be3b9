package dynamodb

import (
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Limits of keys and items.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
	maxItem         = 400 * 1024
)

// keyAttribute is one attribute of a primary key: Type is S, N or B.
type keyAttribute struct{ Name, Type string }

// schema is a table's primary key. Sort has no name where there is none.
type schema struct{ partition, sort keyAttribute }

// key is the primary key of one item. Sort is nil where the table has none.
type key struct{ partition, sort attribute.Value }

// text is what identifies a partition: values of one type, by their text.
func text(v attribute.Value) string {
	switch v := v.(type) {
	case attribute.String:
		return string(v)
	case attribute.Number:
		return string(v)
	case attribute.Binary:
		return string(v)
	}
	return ""
}

func (s schema) attributes() []keyAttribute {
	if s.sort.Name == "" {
		return []keyAttribute{s.partition}
	}
	return []keyAttribute{s.partition, s.sort}
}

func (s schema) has(name string) bool {
	return name == s.partition.Name || name == s.sort.Name && name != ""
}

// key reads the Key of a request, which must be the key and nothing else.
func (s schema) key(given attribute.Document, member string) (key, error) {
	if given.Map == nil {
		return key{}, missing(member)
	}
	if err := given.Err(); err != nil {
		return key{}, err
	}
	parts := s.attributes()
	if len(given.Map) != len(parts) {
		return key{}, invalid("The provided key element does not match the schema")
	}
	for _, part := range parts {
		value := given.Map[part.Name]
		if value == nil || value.Type() != part.Type {
			return key{}, invalid("The provided key element does not match the schema")
		}
		if err := s.checkKeyValue(part, value); err != nil {
			return key{}, err
		}
	}
	return s.keyOf(given.Map), nil
}

// keyOf is the key of a valid item.
func (s schema) keyOf(item attribute.Map) key {
	k := key{partition: item[s.partition.Name]}
	if s.sort.Name != "" {
		k.sort = item[s.sort.Name]
	}
	return k
}

// fields is the key as attributes.
func (s schema) fields(k key) attribute.Map {
	fields := attribute.Map{s.partition.Name: k.partition}
	if s.sort.Name != "" {
		fields[s.sort.Name] = k.sort
	}
	return fields
}

// itemKey checks an item to be written and returns its key.
func (s schema) itemKey(item attribute.Document) (key, error) {
	if item.Map == nil {
		return key{}, missing("item")
	}
	if err := item.Err(); err != nil {
		return key{}, err
	}
	if item.Map.ItemSize() > maxItem {
		return key{}, invalid("Item size has exceeded the maximum allowed size")
	}
	for _, part := range s.attributes() {
		value := item.Map[part.Name]
		if value == nil {
			return key{}, invalidParameter("Missing the key %s in the item", part.Name)
		}
		if value.Type() != part.Type {
			return key{}, invalidParameter("Type mismatch for key %s expected: %s actual: %s", part.Name, part.Type, value.Type())
		}
		if err := s.checkKeyValue(part, value); err != nil {
			return key{}, err
		}
	}
	return s.keyOf(item.Map), nil
}

func (s schema) checkKeyValue(part keyAttribute, value attribute.Value) error {
	size := value.Size()
	switch {
	case size == 0 && part.Type == "S":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", part.Name)
	case size == 0:
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: %s", part.Name)
	case part == s.partition && size > maxPartitionKey:
		return invalidParameter("Size of hashkey has exceeded the maximum size limit of2048 bytes")
	case part == s.sort && size > maxSortKey:
		return invalidParameter("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	}
	return nil
}
