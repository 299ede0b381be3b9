package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/smithy-go"

	"github.com/musterq/muster/internal/estate"
	"github.com/musterq/muster/internal/price"
)

// estateDashboard is the name of the dashboard over all fleets of muster.yaml.
// Dashboards belong to an account, and to no region of it.
const estateDashboard = "muster"

// dashboardResult is what became of the dashboard, for --json.
type dashboardResult struct {
	Name string `json:"name"`
	// Outcome is put or declined.
	Outcome string `json:"outcome"`
	// Fleets that it shows.
	Fleets []string `json:"fleets"`
}

// putDashboard puts one dashboard over all fleets of muster.yaml that are
// deployed, wherever their regions.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
func (o *deployOptions) putDashboard(ctx context.Context, s *streams, h *ships) (*dashboardResult, error) {
	all, err := h.choose(nil, true, nil)
	if err != nil {
		return nil, err
	}
	var fleets []estate.Watched
	var cfg aws.Config
	for _, p := range all {
		in, w, err := o.watched(ctx, p)
		if err != nil {
			return nil, err
		}
		if w == nil {
			fmt.Fprintf(s.err, "The fleet %s is not deployed: the dashboard leaves it out.\n", p.name)
			continue
		}
		if len(fleets) == 0 {
			cfg = in
		}
		fleets = append(fleets, *w)
	}
	if len(fleets) == 0 {
		return nil, usage(errors.New("no fleet of muster.yaml is deployed: there is nothing that a dashboard could show"))
	}
	body, err := estate.Dashboard(fleets)
	if err != nil {
		return nil, err
	}
	result := &dashboardResult{Name: estateDashboard, Outcome: "declined"}
	for _, f := range fleets {
		result.Fleets = append(result.Fleets, f.Name)
	}
	client := cloudwatch.NewFromConfig(cfg)
	if err := o.replaces(ctx, s, client, result.Fleets); err != nil {
		return nil, err
	}
	going, err := o.confirm(s, fmt.Sprintf("Put the dashboard %s of %s into account %s? It costs $%.0f a month.", estateDashboard, counted(len(fleets), "fleet"), fleets[0].Account, price.Dashboard.Dollars))
	if err != nil || !going {
		return result, err
	}
	if _, err := client.PutDashboard(ctx, &cloudwatch.PutDashboardInput{DashboardName: aws.String(estateDashboard), DashboardBody: &body}); err != nil {
		return nil, fmt.Errorf("put the dashboard %s: %w", estateDashboard, err)
	}
	result.Outcome = "put"
	return result, nil
}

// watched is a fleet as the dashboard shows it. Nil if it is not deployed.
func (o *deployOptions) watched(ctx context.Context, p shipment) (aws.Config, *estate.Watched, error) {
	cfg, err := o.target.configFor(ctx, p)
	if err != nil {
		return cfg, nil, err
	}
	found, err := newRollout(cfg).Find(ctx, p.name)
	if err != nil {
		return cfg, nil, err
	}
	if found == nil || found.Output("AutoscalerStateMachineArn") == "" {
		return cfg, nil, nil
	}
	w := &estate.Watched{
		Name: p.name, Region: cfg.Region,
		QueueARN: found.Output("QueueArn"), Worker: found.Output("WorkerStateMachineArn"), Autoscaler: found.Output("AutoscalerStateMachineArn"),
	}
	stack, err := arn.Parse(found.ID)
	if err != nil {
		return cfg, nil, fmt.Errorf("the stack %s has the ID %q: %w", p.name, found.ID, err)
	}
	w.Account = stack.AccountID
	if url := found.Output("DeadLetterQueueUrl"); url != "" {
		// Both queues are in one account and region, or SQS would not move messages.
		queue, err := arn.Parse(w.QueueARN)
		if err != nil {
			return cfg, nil, fmt.Errorf("the queue of fleet %s: %q: %w", p.name, w.QueueARN, err)
		}
		queue.Resource = path.Base(url)
		w.DeadLetterARN = queue.String()
	}
	return cfg, w, nil
}

// replaces says what the dashboard that there is would lose, and refuses to
// replace one that is not of fleets.
func (o *deployOptions) replaces(ctx context.Context, s *streams, client *cloudwatch.Client, fleets []string) error {
	out, err := client.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: aws.String(estateDashboard)})
	var answer smithy.APIError
	if errors.As(err, &answer) && slices.Contains([]string{"ResourceNotFound", "DashboardNotFoundError"}, answer.ErrorCode()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the dashboard %s: %w", estateDashboard, err)
	}
	shown, ours := estate.Shown(aws.ToString(out.DashboardBody))
	if !ours {
		if o.force {
			return nil
		}
		return usage(fmt.Errorf("there is a dashboard %s that shows no fleets: it is replaced only with --force", estateDashboard))
	}
	gone := slices.DeleteFunc(shown, func(name string) bool { return slices.Contains(fleets, name) })
	if len(gone) > 0 {
		fmt.Fprintf(s.err, "Warning: the dashboard %s shows fleets too that are not among these, and would no longer: %s\n", estateDashboard, strings.Join(gone, ", "))
	}
	return nil
}
