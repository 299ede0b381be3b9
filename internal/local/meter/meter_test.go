package meter_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/price"
)

// made is a provider whose resources are their names.
var made = api.Provider{
	Create: func(_ context.Context, r api.ResourceRequest) (api.Resource, error) {
		return api.Resource{Ref: r.Name, Attributes: map[string]string{"Arn": "arn:" + r.Name}}, nil
	},
	Update: func(_ context.Context, _ api.ResourceRequest, old api.Existing) (api.Resource, error) {
		return old.Resource, nil
	},
	Delete: func(context.Context, api.Existing) error { return nil },
}

func TestWhatStandsIsBilledByTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meter.New()
		const kind = "AWS::CloudWatch::Alarm"
		p := m.Providers(map[string]api.Provider{kind: made})[kind]
		request := api.ResourceRequest{Stack: "jobs", LogicalID: "Depth", Type: kind, Name: "depth", Properties: []byte(`{"Period":"60"}`)}
		r, err := p.Create(t.Context(), request)
		require.NoError(t, err)
		time.Sleep(price.Month)
		assert.InDelta(t, 0.10, m.Lines().Dollars(), 1e-9)

		old := api.Existing{ResourceRequest: request, Resource: r}
		request.Properties = []byte(`{"Metrics":[{"Id":"a","MetricStat":{"Period":60}},{"Id":"b","MetricStat":{"Period":300}},{"Id":"c","Expression":"a/b"}]}`)
		_, err = p.Update(t.Context(), request, old)
		require.NoError(t, err)
		time.Sleep(price.Month)
		assert.InDelta(t, 0.30, m.Lines().Dollars(), 1e-9, "two metrics from then on")

		require.NoError(t, p.Delete(t.Context(), old))
		time.Sleep(price.Month)
		bill := m.Lines()
		assert.InDelta(t, 0.30, bill.Dollars(), 1e-9)
		require.Len(t, bill, 1)
		assert.Equal(t, meter.Fleet, bill[0].Part)
		assert.Equal(t, "jobs", bill[0].Stack)
	})
}

func TestStandingCharges(t *testing.T) {
	for name, c := range map[string]struct {
		kind, properties string
		dollars          float64
	}{
		"an alarm of high resolution": {"AWS::CloudWatch::Alarm", `{"Period":10}`, 0.30},
		"an alarm on alarms":          {"AWS::CloudWatch::CompositeAlarm", `{}`, 0.50},
		"a dashboard":                 {"AWS::CloudWatch::Dashboard", `{}`, 3},
		"a key":                       {"AWS::KMS::Key", `{}`, 1},
		"a mapping":                   {"AWS::Lambda::EventSourceMapping", `{}`, 0},
		"a mapping with pollers":      {"AWS::Lambda::EventSourceMapping", `{"ProvisionedPollerConfig":{}}`, 13.505},
		"a queue":                     {"AWS::SQS::Queue", `{}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := meter.New()
				_, err := m.Providers(map[string]api.Provider{c.kind: made})[c.kind].Create(t.Context(), api.ResourceRequest{Stack: "jobs", Type: c.kind, Name: "it", Properties: []byte(c.properties)})
				require.NoError(t, err)
				time.Sleep(price.Month)
				assert.InDelta(t, c.dollars, m.Lines().Dollars(), 1e-9)
			})
		})
	}
}

func TestATypeWithoutAPriceIsRefused(t *testing.T) {
	const kind = "AWS::EC2::NatGateway"
	_, err := meter.New().Providers(map[string]api.Provider{kind: made})[kind].Create(t.Context(), api.ResourceRequest{Type: kind})
	assert.ErrorContains(t, err, "nobody knows what a resource of the type AWS::EC2::NatGateway costs")
}

// Every type of the template has a price or is known to be free.
func TestTheTemplateIsPriced(t *testing.T) {
	template, err := cloudformation.Parse("fleet.yaml", fleet.Fleet)
	require.NoError(t, err)
	require.NotEmpty(t, template.Resources)
	for _, r := range template.Resources {
		assert.True(t, meter.Priced(r.Type), "%s: %s", r.LogicalID, r.Type)
	}
}

// Each part of a bill has what it caused, whatever of it the other parts own.
func TestParts(t *testing.T) {
	m := meter.New()
	all := m.Providers(map[string]api.Provider{"AWS::SQS::Queue": made, "AWS::Lambda::Function": made})
	for kind, name := range map[string]string{"AWS::SQS::Queue": "queue", "AWS::Lambda::Function": "pump"} {
		_, err := all[kind].Create(t.Context(), api.ResourceRequest{Stack: "jobs", Type: kind, Name: name})
		require.NoError(t, err)
	}
	for _, u := range []api.Usage{
		{Item: price.SQSRequest, Quantity: 1, Resource: "arn:queue", Caller: api.Caller{AccessKeyID: local.AccessKeyID}},
		{Item: price.SQSRequest, Quantity: 10, Resource: "arn:queue", Caller: api.Caller{AccessKeyID: "ASIA", RoleARN: "arn:role", Function: "pump"}},
		{Item: price.SQSRequest, Quantity: 100, Resource: "arn:queue", Caller: api.Caller{AccessKeyID: "ASIA", RoleARN: "arn:role", Function: "mine"}},
		{Item: price.LambdaRequest, Quantity: 1, Resource: "arn:mine", Caller: api.Caller{Function: "pump"}},
		{Item: price.LambdaRequest, Quantity: 10, Resource: "arn:pump", Caller: api.Caller{Execution: "arn:execution"}},
	} {
		m.Bill(u)
	}
	bill := m.Lines()
	quantities := func(p meter.Part) [2]float64 {
		return [2]float64{bill.Of(p).Sum(price.SQSRequest), bill.Of(p).Sum(price.LambdaRequest)}
	}
	assert.Equal(t, [2]float64{1, 0}, quantities(meter.Callers))
	assert.Equal(t, [2]float64{10, 10}, quantities(meter.Fleet))
	assert.Equal(t, [2]float64{100, 1}, quantities(meter.Handlers))
	assert.Equal(t, bill.Dollars(), bill.Of(meter.Callers, meter.Fleet, meter.Handlers).Dollars())
	services := bill.Services()
	assert.Equal(t, "sqs", services[0].Service)

	m.Bill(api.Usage{Item: price.SQSRequest, Quantity: 5, Resource: "arn:queue"})
	added := m.Lines().Since(bill)
	require.Len(t, added, 1)
	assert.Equal(t, 5.0, added[0].Quantity)
	assert.InDelta(t, price.SQSRequest.Of(5), added[0].Dollars, 1e-15)
}
