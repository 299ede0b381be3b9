package cli

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlagName(t *testing.T) {
	for parameter, want := range map[string]string{
		"Lane": "lane", "MaxConcurrency": "max-concurrency", "BackoffBaseSeconds": "backoff-base-seconds",
	} {
		assert.Equal(t, want, flagName(parameter))
	}
}

func TestParametersAreFlags(t *testing.T) {
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	p, err := addParameters(flags, map[string]string{"IdleSeconds": "2"})
	require.NoError(t, err)

	for _, parameter := range p.template.Parameters {
		flag := flags.Lookup(flagName(parameter.Name))
		if parameter.Name == "ProcessHandler" || parameter.Name == "TransformHandler" {
			assert.Nil(t, flag, parameter.Name)
			continue
		}
		require.NotNil(t, flag, parameter.Name)
		assert.Equal(t, parameter.Description, flag.Usage)
	}
	assert.Equal(t, "50", flags.Lookup("max-concurrency").DefValue)
	assert.Equal(t, "number", flags.Lookup("max-concurrency").Value.Type())
	assert.Equal(t, "auto|stream|steps", flags.Lookup("lane").Value.Type())
	assert.Equal(t, "text", flags.Lookup("schedule-expression").Value.Type())
	assert.Equal(t, "2", flags.Lookup("idle-seconds").DefValue)

	assert.Equal(t, "bool", flags.Lookup("fifo").Value.Type())

	require.NoError(t, flags.Parse([]string{"--fifo", "--lane", "steps", "--max-concurrency=3", "--wake-alarm=false"}))
	assert.Equal(t, map[string]string{"IdleSeconds": "2", "Lane": "steps", "MaxConcurrency": "3", "Fifo": "true", "WakeAlarm": "false"}, p.values)
	assert.Equal(t, "steps", p.get("Lane"))
	assert.Equal(t, "5", p.get("Parallelism"))
	assert.NoError(t, p.check())
}

func TestParametersAreChecked(t *testing.T) {
	p, err := addParameters(pflag.NewFlagSet("run", pflag.ContinueOnError), nil)
	require.NoError(t, err)
	p.values = map[string]string{"Lane": "fast", "MaxConcurrency": "0", "BatchSize": "ten"}

	err = p.check()

	var e *exitError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 2, e.status)
	assert.Equal(t, `--lane "fast": Parameter 'Lane' must be one of AllowedValues: auto, stream, steps
--batch-size "ten": Parameter 'BatchSize' must be a number
--max-concurrency "0": Parameter 'MaxConcurrency' must be a number not less than 1`, err.Error())
}

func TestDefaultsAreAllowed(t *testing.T) {
	for name, defaults := range map[string]map[string]string{"run": runDefaults, "demo": demoDefaults, "up": nil} {
		t.Run(name, func(t *testing.T) {
			p, err := addParameters(pflag.NewFlagSet(name, pflag.ContinueOnError), defaults)
			require.NoError(t, err)
			assert.NoError(t, p.check())
		})
	}
}
