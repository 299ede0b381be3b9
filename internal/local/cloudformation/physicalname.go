package cloudformation

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
)

// maxPhysicalName suits the service that allows the least but S3: 64 for
// functions, roles and rules.
const maxPhysicalName = 64

// physicalName makes a name as CloudFormation does, of stack, logical ID and a
// suffix. The suffix is the same every time, so that runs can be repeated, but for
// the version: the resource that replaces the first one is the second.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
func physicalName(stackID, stack string, r *Resource, version int) string {
	const suffixLength = 12
	seed := stackID + "/" + r.LogicalID
	if version > 1 {
		seed += "/" + strconv.Itoa(version)
	}
	sum := sha256.Sum256([]byte(seed))
	suffix := base32.StdEncoding.EncodeToString(sum[:])[:suffixLength]
	most := maxPhysicalName
	if r.Type == "AWS::S3::Bucket" {
		most = 63
	}
	// Stack and logical ID share what two hyphens and the suffix leave.
	room := most - suffixLength - 2
	logicalID := r.LogicalID
	if len(stack)+len(logicalID) > room {
		logicalID = logicalID[:min(len(logicalID), max(room/2, room-len(stack)))]
		stack = stack[:min(len(stack), room-len(logicalID))]
	}
	name := stack + "-" + logicalID + "-" + suffix
	if r.Type == "AWS::S3::Bucket" {
		// Bucket names are in lower case, and the stack's end may be a hyphen.
		return strings.ToLower(name)
	}
	return name
}
