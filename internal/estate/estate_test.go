package estate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local/cloudformation"
)

const good = `# a team's fleets
fleets:
  orders:
    region: eu-central-1
    parameters:
      ProcessHandler: arn:aws:lambda:eu-central-1:123456789012:function:orders:live
      MaxConcurrency: 20
      Fifo: true
      JobSubnets: [a, b]
    tags: {team: shop}
    handler: ./handle.sh
    transform: python:app.transform
  mails:
`

func TestParse(t *testing.T) {
	e, err := Parse("muster.yaml", []byte(good))
	require.NoError(t, err)
	assert.Equal(t, []string{"orders", "mails"}, e.Names())
	f := e.Fleet("orders")
	assert.Equal(t, Fleet{
		Name: "orders", Line: 3, Region: "eu-central-1",
		Parameters: map[string]Value{
			"ProcessHandler": {"arn:aws:lambda:eu-central-1:123456789012:function:orders:live", 6},
			"MaxConcurrency": {"20", 7}, "Fifo": {"true", 8}, "JobSubnets": {"a,b", 9},
		},
		Tags: map[string]string{"team": "shop"}, Handler: "./handle.sh", Transform: "python:app.transform",
	}, *f)
	assert.Equal(t, "20", f.Texts()["MaxConcurrency"])
	assert.Empty(t, e.Fleet("mails").Parameters)
	assert.Nil(t, e.Fleet("none"))
	assert.Nil(t, (*Estate)(nil).Fleet("orders"))
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {"", "muster.yaml:1: the file is empty"},
		"no fleets":         {"{}", "muster.yaml:1: there are no fleets"},
		"an empty list":     {"fleets:\n", "muster.yaml:1: there is no fleet below fleets:"},
		"not YAML":          {"fleets: [", "muster.yaml: yaml: "},
		"two documents":     {"fleets: {a: }\n---\nfleets: {b: }\n", "more than one document"},
		"an unknown key":    {"fleet:\n  a:\n", `muster.yaml:1: there is no "fleet" here: did you mean fleets?`},
		"a key in a fleet":  {"fleets:\n  a:\n    parameter: {}\n", `muster.yaml:3: there is no "parameter" here: did you mean parameters?`},
		"a key of no kind":  {"fleets:\n  a:\n    x: 1\n", `there is no "x" here: known are region, parameters, tags, handler, transform`},
		"a fleet twice":     {"fleets:\n  a:\n  a:\n", `muster.yaml:3: "a" is there already, in line 2`},
		"a list of fleets":  {"fleets:\n  - a\n", "muster.yaml:2: fleets must be a mapping"},
		"a value of no use": {"fleets:\n  a:\n    region: [x]\n", "muster.yaml:3: region must be one value"},
		"a bad name":        {"fleets:\n  9lives:\n", `muster.yaml:2: "9lives" cannot name a fleet`},
		"a tag of AWS":      {"fleets:\n  a:\n    tags: {aws:x: 1}\n", `muster.yaml:3: the tag "aws:x"`},
		"a list in a list":  {"fleets:\n  a:\n    parameters:\n      JobSubnets: [[a]]\n", "muster.yaml:4: JobSubnets must be one value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("muster.yaml", []byte(c.text))
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestCheck(t *testing.T) {
	template, err := cloudformation.Parse("cloudformation/fleet.yaml", embedded.Fleet)
	require.NoError(t, err)
	e, err := Parse("muster.yaml", []byte(good))
	require.NoError(t, err)
	assert.EqualError(t, e.Check(template), "muster.yaml:13: fleet mails: ProcessHandler names the function that processes messages, unless Target is a job.")

	e, err = Parse("muster.yaml", []byte(`fleets:
  orders:
    parameters:
      ProcessHandler: orders
      MaxConcurency: 20
      Lane: fast
      Utterly: different
      MinWorkers: -1
`))
	require.NoError(t, err)
	assert.EqualError(t, e.Check(template), `muster.yaml:4: fleet orders: Parameter 'ProcessHandler' failed to satisfy constraint: must be the ARN of a Lambda function, with or without a version or alias.
muster.yaml:5: the template has no parameter MaxConcurency: did you mean MaxConcurrency?
muster.yaml:6: fleet orders: Parameter 'Lane' must be one of AllowedValues: auto, stream, steps
muster.yaml:7: the template has no parameter Utterly
muster.yaml:8: fleet orders: Parameter 'MinWorkers' must be a number not less than 0`)
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "a", "b")
	require.NoError(t, os.MkdirAll(below, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".git"), 0o755))

	e, err := Load(below)
	require.NoError(t, err)
	assert.Nil(t, e)

	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), []byte("fleets:\n  x y:\n"), 0o644))
	_, err = Load(below)
	assert.ErrorContains(t, err, "../../muster.yaml:2: ")
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), []byte(good), 0o644))
	e, err = Load(below)
	require.NoError(t, err)
	assert.Len(t, e.Fleets, 2)
}

func TestWide(t *testing.T) {
	found, err := Wide(embedded.Fleet)
	require.NoError(t, err)
	assert.Empty(t, found)

	found, err = Wide([]byte(`Policies:
  - Effect: Allow
    Action: [sqs:*, logs:CreateLogDelivery]
    Resource: '*'
  - Effect: Deny
    Action: '*'
    Resource: '*'
  - Effect: Allow
    Action: sqs:SendMessage
    Resource: [!GetAtt Queue.Arn, '*']
`))
	require.NoError(t, err)
	var messages []string
	for _, f := range found {
		messages = append(messages, f.Message)
	}
	assert.Equal(t, []string{
		"a role may do sqs:*: name the actions", "a role may do sqs:* to everything: name the resources",
		"a role may do sqs:SendMessage to everything: name the resources",
	}, messages)
	_, err = Wide([]byte("a: ["))
	assert.ErrorContains(t, err, "read the template: ")
}
