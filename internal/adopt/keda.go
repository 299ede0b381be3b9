package adopt

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sqsTrigger is the one trigger of KEDA's that a fleet can take the place of.
const sqsTrigger = "aws-sqs-queue"

// queueURL is SQS's form, and the older one.
var queueURL = regexp.MustCompile(`^https://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(\.cn)?/(\d{12})/([a-zA-Z0-9_-]{1,80}(?:\.fifo)?)$`)

// FromScaledObject plans the fleet that succeeds the pods that a KEDA ScaledObject
// scales. The file may have other documents beside it. What has no counterpart is
// refused, with file and line.
//
// https://keda.sh/docs/latest/reference/scaledobject-spec/
// https://keda.sh/docs/latest/scalers/aws-sqs/
func FromScaledObject(file string, text []byte, fleet string) (*Plan, error) {
	k := &scaledObject{file: file, plan: &Plan{Parameters: map[string]string{}, Differences: []Difference{}, Missing: []Difference{}}}
	root, err := k.document(text)
	if err != nil {
		return nil, err
	}
	name := k.text(root, "", "metadata", "name")
	k.plan.Fleet = cmp.Or(fleet, fleetName(name))
	k.plan.From = "KEDA ScaledObject " + name
	k.plan.set("Enabled", false)
	k.annotations(at(root, "metadata", "annotations"))
	k.replicas(at(root, "spec"))
	k.advanced(at(root, "spec", "advanced"))
	k.trigger(at(root, "spec", "triggers"))
	k.pods(at(root, "spec", "scaleTargetRef"))
	return k.plan, errors.Join(k.faults...)
}

// scaledObject is a ScaledObject that is read.
type scaledObject struct {
	file   string
	plan   *Plan
	faults []error
}

func (k *scaledObject) fault(n *yaml.Node, format string, args ...any) {
	line := 1
	if n != nil {
		line = n.Line
	}
	k.faults = append(k.faults, fmt.Errorf("%s:%d: %s", k.file, line, fmt.Sprintf(format, args...)))
}

// document finds the file's ScaledObject.
func (k *scaledObject) document(text []byte) (*yaml.Node, error) {
	var found []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.file, err)
		}
		root := document.Content[0]
		switch kind := at(root, "kind"); {
		case kind == nil:
		case kind.Value == "ScaledJob":
			return nil, fmt.Errorf("%s:%d: a ScaledJob starts a job for its messages: write a fleet whose Target is ecs, batch or execution by hand", k.file, kind.Line)
		case kind.Value == "ScaledObject":
			found = append(found, root)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s: there is no ScaledObject in it", k.file)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%s:%d: there is a second ScaledObject: adopt one at a time, from a file of its own", k.file, found[1].Line)
}

// at follows names into mappings. Nil where they do not lead.
func at(n *yaml.Node, names ...string) *yaml.Node {
	for _, name := range names {
		var next *yaml.Node
		for _, m := range pairs(n) {
			if m[0].Value == name {
				next = m[1]
			}
		}
		n = next
	}
	return n
}

// pairs are a mapping's keys with their values.
func pairs(n *yaml.Node) [][2]*yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var all [][2]*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		all = append(all, [2]*yaml.Node{n.Content[i], n.Content[i+1]})
	}
	return all
}

func (k *scaledObject) text(n *yaml.Node, otherwise string, names ...string) string {
	if n = at(n, names...); n == nil {
		return otherwise
	}
	return n.Value
}

// number reads a whole number of at least 0, also one in quotes.
func (k *scaledObject) number(n *yaml.Node, otherwise int, names ...string) int {
	if n = at(n, names...); n == nil {
		return otherwise
	}
	v, err := strconv.Atoi(n.Value)
	if err != nil || v < 0 {
		k.fault(n, "%s is %q, which is no whole number", names[len(names)-1], n.Value)
	}
	return v
}

func (k *scaledObject) annotations(n *yaml.Node) {
	for _, m := range pairs(n) {
		name, ours := strings.CutPrefix(m[0].Value, "autoscaling.keda.sh/")
		switch {
		case !ours || m[1].Value == "false":
		case name == "paused":
			k.plan.differs(name, "the ScaledObject is paused: 'muster pause %s' does so once the fleet is on", k.plan.Fleet)
		case name == "paused-replicas":
			k.plan.differs(name, "the ScaledObject is held at %s replicas: 'muster scale %s --min N --max N' does so once the fleet is on", m[1].Value, k.plan.Fleet)
		default:
			k.plan.differs(name, "the annotation holds back KEDA's scaling: a fleet knows 'muster pause' and 'muster scale', for a while or for good")
		}
	}
}

// secondsOfTick is the shortest interval of an EventBridge schedule.
const secondsOfTick = 60

func (k *scaledObject) replicas(spec *yaml.Node) {
	p := k.plan
	for _, m := range pairs(spec) {
		known := []string{"scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount", "minReplicaCount", "maxReplicaCount", "fallback", "advanced", "triggers"}
		if !slices.Contains(known, m[0].Value) {
			k.fault(m[0], "spec.%s is not known: a ScaledObject has %s", m[0].Value, strings.Join(known, ", "))
		}
	}
	most := k.number(spec, 100, "maxReplicaCount")
	least := k.number(spec, 0, "minReplicaCount")
	if idle := at(spec, "idleReplicaCount"); idle != nil {
		p.differs("idleReplicaCount", "KEDA goes from %s straight to %d replicas when there are messages; a fleet starts as many workers as the depth asks for, from none", idle.Value, least)
		least = 0
	}
	p.set("MinWorkers", least)
	p.set("MaxConcurrency", max(1, min(most, mostOfFleet)))
	p.set("Parallelism", 1)
	p.differs("MaxConcurrency", "a replica is taken for one handler at a time, %d in all. Where a pod handles several side by side, multiply MaxConcurrency by how many and set Parallelism to it", most)
	interval := k.number(spec, 30, "pollingInterval")
	if interval > secondsOfTick {
		minutes := (interval + secondsOfTick - 1) / secondsOfTick
		unit := "minutes"
		if minutes == 1 {
			unit = "minute"
		}
		p.set("ScheduleExpression", fmt.Sprintf("rate(%d %s)", minutes, unit))
	}
	if interval%secondsOfTick != 0 {
		p.differs("pollingInterval", "KEDA looks at the queue every %d s, the fleet every full minute: a producer that sends 'muster wake' has it look at once", interval)
	}
	cooldown := k.number(spec, 300, "cooldownPeriod")
	p.set("IdleSeconds", max(1, min(cooldown, 600)))
	p.differs("cooldownPeriod", "after %d s without messages KEDA ends the last pods, whatever they are doing; a worker that found nothing for IdleSeconds, at most 600, goes home by itself, and none that is busy is ended", cooldown)
	if n := at(spec, "initialCooldownPeriod"); n != nil {
		p.differs("initialCooldownPeriod", "a fleet waits %s s for nothing when it is new: it starts workers when there are messages", n.Value)
	}
	if n := at(spec, "fallback"); n != nil {
		p.differs("fallback", "where KEDA cannot read the queue it falls back to %s replicas; a fleet whose tick cannot read it starts nobody and ends nobody, and the workers that there are go on", cmp.Or(k.text(n, "", "replicas"), "some"))
	}
}

func (k *scaledObject) advanced(n *yaml.Node) {
	if m := at(n, "scalingModifiers"); m != nil {
		k.fault(m, "scalingModifiers make up a metric by a formula: a fleet scales by its queue, with MessagesPerWorker, DrainWithinSeconds or MaxAgeSeconds")
	}
	hold := 300 // Kubernetes' own
	behavior := at(n, "horizontalPodAutoscalerConfig", "behavior")
	hold = k.number(behavior, hold, "scaleDown", "stabilizationWindowSeconds")
	k.plan.set("ScaleInHoldSeconds", hold)
	for _, direction := range []string{"scaleUp", "scaleDown"} {
		if at(behavior, direction, "policies") != nil {
			k.plan.differs(direction, "its policies bound how fast replicas change: a fleet starts StepLimit workers a tick at most, and workers that are told to drain finish first")
		}
	}
}

func (k *scaledObject) trigger(n *yaml.Node) {
	if n == nil || len(n.Content) == 0 {
		k.fault(n, "spec.triggers is missing")
		return
	}
	for i, t := range n.Content {
		switch kind := k.text(t, "", "type"); {
		case kind != sqsTrigger:
			k.fault(t, "the trigger is of type %q: a fleet scales by its SQS queue alone, which is %s", kind, sqsTrigger)
		case i > 0:
			k.fault(t, "there is a second queue: a fleet has one, so plan a fleet for each")
		default:
			k.queue(t, at(t, "metadata"))
		}
	}
}

func (k *scaledObject) queue(trigger, n *yaml.Node) {
	p := k.plan
	for _, m := range pairs(n) {
		known := []string{
			"queueURL", "queueURLFromEnv", "queueLength", "activationQueueLength", "scaleOnInFlight", "scaleOnDelayed", "awsRegion", "awsEndpoint", "identityOwner",
			"awsAccessKeyID", "awsSecretAccessKey", "awsAccessKeyIDFromEnv", "awsSecretAccessKeyFromEnv", "awsRoleArn",
		}
		if !slices.Contains(known, m[0].Value) {
			k.fault(m[0], "metadata.%s is not known of %s", m[0].Value, sqsTrigger)
		}
	}
	p.Region = k.text(n, "", "awsRegion")
	url := at(n, "queueURL")
	switch parts := queueURL.FindStringSubmatch(k.text(n, "", "queueURL")); {
	case parts != nil:
		region, partition := cmp.Or(parts[1], parts[2]), "aws"
		if parts[3] != "" {
			partition = "aws-cn"
		} else if strings.HasPrefix(region, "us-gov-") {
			partition = "aws-us-gov"
		}
		if p.Region != "" && p.Region != region {
			k.fault(url, "the queue is in %s and awsRegion is %s", region, p.Region)
		}
		p.Region, p.Account = region, parts[4]
		p.set("QueueArn", "arn:"+partition+":sqs:"+region+":"+parts[4]+":"+parts[5])
		if strings.HasSuffix(parts[5], ".fifo") {
			p.set("Fifo", true)
			p.set("BatchSize", 1)
		}
	case url == nil && at(n, "queueURLFromEnv") == nil:
		k.fault(trigger, "metadata.queueURL is missing")
	default:
		p.misses("QueueArn", "the queue's ARN: "+cmp.Or(k.text(n, "", "queueURL"), "the pods' variable "+k.text(n, "", "queueURLFromEnv"))+" does not say it")
	}
	p.set("MessagesPerWorker", max(1, k.number(n, 5, "queueLength")))
	if active := k.number(n, 0, "activationQueueLength"); active > 0 {
		p.differs("activationQueueLength", "KEDA starts nobody for up to %d messages: a fleet starts a worker for the first", active)
	}
	if k.text(n, "true", "scaleOnInFlight") == "false" {
		p.differs("scaleOnInFlight", "KEDA counts visible messages alone: a fleet counts those in flight too, for they keep a worker busy")
	}
	if k.text(n, "false", "scaleOnDelayed") == "true" {
		p.differs("scaleOnDelayed", "KEDA counts delayed messages: a fleet starts workers when they become visible")
	}
	p.misses("MaxReceiveCount", "as the queue's redrive policy has it, and DeadLetterQueueArn: the file does not tell, 'muster init' reads them from the queue")
}

func (k *scaledObject) pods(n *yaml.Node) {
	pods := k.text(n, "Deployment", "kind") + " " + k.text(n, "", "name")
	k.plan.misses("ProcessHandler", "the ARN of the Lambda function that does what the pods of the "+pods+" do; or, where they stay containers, Target ecs with JobArn, JobQueueArn, JobContainer and JobSubnets")
	k.plan.misses("ProcessTimeoutSeconds", "how long handling one event may take")
	k.plan.differs("pods", "the pods of the %s receive and delete messages by themselves: scale them to 0, and delete the ScaledObject, before the fleet is on, or both take messages", pods)
}
