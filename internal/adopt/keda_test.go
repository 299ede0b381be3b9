package adopt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const scaledObjectOfTests = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: orders
  annotations:
    autoscaling.keda.sh/paused-replicas: "3"
    team: shop
spec:
  scaleTargetRef: {name: orders-worker}
  pollingInterval: 90
  cooldownPeriod: 900
  minReplicaCount: 2
  maxReplicaCount: 40
  fallback: {failureThreshold: 3, replicas: 6}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown: {stabilizationWindowSeconds: 120}
  triggers:
    - type: aws-sqs-queue
      authenticationRef: {name: aws}
      metadata:
        queueURL: https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo
        queueLength: "20"
        activationQueueLength: "5"
        awsRegion: eu-west-1
        scaleOnInFlight: "false"
`

func TestFromScaledObject(t *testing.T) {
	p, err := FromScaledObject("orders.yaml", []byte(scaledObjectOfTests), "")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"Enabled": "false", "QueueArn": "arn:aws:sqs:eu-west-1:123456789012:orders.fifo", "Fifo": "true", "BatchSize": "1",
		"MessagesPerWorker": "20", "MinWorkers": "2", "MaxConcurrency": "40", "Parallelism": "1",
		"ScheduleExpression": "rate(2 minutes)", "IdleSeconds": "600", "ScaleInHoldSeconds": "120",
	}, p.Parameters)
	p.Parameters["ProcessHandler"] = functionOfTests // as the team would
	fits(t, p)
	assert.Equal(t, "orders eu-west-1 123456789012", p.Fleet+" "+p.Region+" "+p.Account)
	for what, why := range map[string]string{
		"paused-replicas": "held at 3 replicas", "fallback": "6 replicas", "activationQueueLength": "up to 5", "scaleOnInFlight": "in flight too",
		"pods": "Deployment orders-worker", "cooldownPeriod": "none that is busy is ended",
	} {
		assert.Contains(t, about(p, what), why)
	}
	var missing []string
	for _, m := range p.Missing {
		missing = append(missing, m.What)
	}
	assert.Equal(t, []string{"MaxReceiveCount", "ProcessHandler", "ProcessTimeoutSeconds"}, missing)
}

func TestScaledObjectDefaults(t *testing.T) {
	p, err := FromScaledObject("x.yaml", []byte("kind: ScaledObject\nmetadata: {name: x}\nspec:\n  triggers:\n  - type: aws-sqs-queue\n    metadata: {queueURLFromEnv: QUEUE, awsRegion: eu-west-1}\n"), "mine")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"Enabled": "false", "MessagesPerWorker": "5", "MinWorkers": "0", "MaxConcurrency": "100", "Parallelism": "1", "IdleSeconds": "300", "ScaleInHoldSeconds": "300",
	}, p.Parameters)
	assert.Equal(t, "QueueArn", p.Missing[0].What)
	assert.Contains(t, p.Missing[0].Why, "variable QUEUE")
}

func TestScaledObjectsAreRefused(t *testing.T) {
	for want, change := range map[string][2]string{
		`orders.yaml:24: the trigger is of type "kafka"`:                                {"type: aws-sqs-queue", "type: kafka"},
		"orders.yaml:17: spec.maxReplicas is not known":                                 {"maxReplicaCount: 40", "maxReplicas: 40"},
		`orders.yaml:17: maxReplicaCount is "many", which is no whole number`:           {"maxReplicaCount: 40", "maxReplicaCount: many"},
		"orders.yaml:28: metadata.queueLenght is not known":                             {"queueLength", "queueLenght"},
		"orders.yaml:20: scalingModifiers make up a metric":                             {"  advanced:\n", "  advanced:\n    scalingModifiers: {formula: x}\n"},
		"orders.yaml:6: a ScaledJob starts a job":                                       {"kind: ScaledObject", "kind: ScaledJob"},
		"orders.yaml: there is no ScaledObject in it":                                   {"kind: ScaledObject", "kind: Deployment"},
		"orders.yaml:27: the queue is in eu-west-1 and awsRegion is eu-central-1":       {"awsRegion: eu-west-1", "awsRegion: eu-central-1"},
		"orders.yaml:32: there is a second queue: a fleet has one, so plan a fleet for": {"scaleOnInFlight: \"false\"\n", "scaleOnInFlight: \"false\"\n    - type: aws-sqs-queue\n"},
	} {
		_, err := FromScaledObject("orders.yaml", []byte(strings.Replace(scaledObjectOfTests, change[0], change[1], 1)), "")
		assert.ErrorContains(t, err, want)
	}
}
