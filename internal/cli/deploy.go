package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/price"
	"github.com/musterq/muster/internal/rollout"
)

type deployOptions struct {
	shipOptions
	// into is a folder to package into, in place of deploying.
	into string
	// overview puts a dashboard over all fleets.
	overview bool
}

// shipOptions are those of all verbs that change stacks.
type shipOptions struct {
	all        bool
	yes        bool
	force      bool
	bucket     string
	code       string
	json       bool
	target     target
	parameters *parameters
	// packed are the functions' packages that were made.
	packed map[bundle.Architecture]map[string][]byte
}

func newDeploy(s *streams) *cobra.Command {
	o := new(deployOptions)
	c := &cobra.Command{
		Use:   "deploy [FLEET...]",
		Short: "Deploy fleets to AWS, or change those that there are",
		Long: `Deploy builds Muster's functions, uploads them to a bucket, has CloudFormation
work out what would change, shows that, asks, and makes the changes, telling of
each resource. What fails is taken back, and why it failed is said.

A fleet's parameters are those of muster.yaml, and flags win. There what is not
said has the template's default. A fleet that muster.yaml does not name keeps what
no flag changes.

The same input makes the same bytes, and files are named by their content: what
has not changed is not uploaded again.

--estate-dashboard puts the CloudWatch dashboard muster, a line in each graph for
every fleet of muster.yaml that is deployed, in whichever region. It is of metrics
that AWS keeps anyway and costs $3 a month. Without --all and without a FLEET
nothing else is done. A fleet's own dashboard is --dashboard.`,
		Example: `  muster deploy orders
  muster deploy orders --process-handler arn:aws:lambda:eu-central-1:123456789012:function:orders:live
  muster deploy --all --estate-dashboard
  muster deploy orders --package-only build/package --bucket my-artifacts`,
	}
	flags := c.Flags()
	flags.StringVar(&o.into, "package-only", "", "write the zips and the template into a `folder`, and deploy nothing")
	flags.BoolVar(&o.overview, "estate-dashboard", false, "put one dashboard over all fleets of muster.yaml, for $3 a month")
	return o.shipping(s, c, func(ctx context.Context, h *ships, args []string) error {
		if o.overview && o.into != "" {
			return usage(errors.New("--package-only deploys nothing: leave out --estate-dashboard"))
		}
		if o.overview && !o.all && len(args) == 0 {
			return o.survey(ctx, s, h)
		}
		chosen, err := o.choose(h, args)
		if err != nil {
			return err
		}
		if o.into != "" {
			return o.pack(ctx, s, h, chosen)
		}
		return o.deploy(ctx, s, h, chosen)
	})
}

// shipping adds the flags of verbs that deploy.
func (o *shipOptions) shipping(s *streams, c *cobra.Command, run func(ctx context.Context, h *ships, args []string) error) *cobra.Command {
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.all, "all", false, "all fleets of muster.yaml, in its order")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	flags.BoolVar(&o.force, "force", false, "go on in spite of errors that were found at AWS, and where a queue, table or bucket is replaced")
	flags.StringVar(&o.bucket, "bucket", "", "`bucket` to upload to (default muster-ACCOUNT-REGION, made where there is none)")
	flags.StringVar(&o.code, "code", "", "`folder` of built functions, NAME/bootstrap (default they are built from the checkout)")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	p, err := addShipFlags(flags)
	if err != nil {
		c.RunE = verb(func(context.Context, []string) error { return err })
		return c
	}
	o.parameters = p
	c.RunE = verb(func(ctx context.Context, args []string) error {
		h, err := newShips(s)
		if err != nil {
			return err
		}
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, run(ctx, h, args))
	})
	return c
}

// choose finds the fleets that arguments name.
func (o *shipOptions) choose(h *ships, args []string) ([]shipment, error) {
	return h.choose(args, o.all, o.parameters.values)
}

// deploy deploys fleets, and the dashboard over all.
func (o *deployOptions) deploy(ctx context.Context, s *streams, h *ships, chosen []shipment) error {
	all, err := o.each(ctx, s, h, chosen, func(ctx context.Context, k *shipping, d *deployment) error { return k.deploy(ctx, d) })
	var dashboard *dashboardResult
	switch {
	case err != nil:
	case o.overview:
		dashboard, err = o.putDashboard(ctx, s, h)
	case o.all && len(chosen) > 1:
		fmt.Fprintf(s.err, "One dashboard over all fleets, for $%.0f a month: muster deploy --estate-dashboard\n", price.Dashboard.Dollars)
	}
	return o.report(s, all, dashboard, err)
}

// survey puts the dashboard over all fleets and deploys none.
func (o *deployOptions) survey(ctx context.Context, s *streams, h *ships) error {
	dashboard, err := o.putDashboard(ctx, s, h)
	return o.report(s, []*deployment{}, dashboard, err)
}

// report prints what became of fleets and of the dashboard over them, as far as
// that was not told already.
func (o *shipOptions) report(s *streams, all []*deployment, dashboard *dashboardResult, failed error) error {
	if o.json {
		out := map[string]any{"fleets": all}
		if dashboard != nil {
			out["dashboard"] = dashboard
		}
		return errors.Join(failed, printJSON(s.out, out))
	}
	if dashboard != nil && dashboard.Outcome == "put" {
		fmt.Fprintf(s.out, "dashboard %s shows %s\n", dashboard.Name, strings.Join(dashboard.Fleets, ", "))
	}
	return failed
}

// deployment is what became of one fleet, for --json.
type deployment struct {
	Fleet   string `json:"fleet"`
	Account string `json:"account"`
	Region  string `json:"region"`
	// Outcome is created, changed, unchanged, declined or failed.
	Outcome     string           `json:"outcome"`
	CodeVersion string           `json:"codeVersion"`
	Flaws       []flaw           `json:"findings"`
	Changes     []rollout.Change `json:"changes"`
	Events      []rollout.Event  `json:"events"`
	Outputs     []rollout.Output `json:"outputs"`
	Error       string           `json:"error"`
}

// each ships one fleet after the other and stops at the first that fails.
func (o *shipOptions) each(ctx context.Context, s *streams, h *ships, chosen []shipment, ship func(context.Context, *shipping, *deployment) error) ([]*deployment, error) {
	all := []*deployment{}
	var failed error
	for i, p := range chosen {
		d := &deployment{Fleet: p.name, Flaws: []flaw{}, Changes: []rollout.Change{}, Events: []rollout.Event{}, Outputs: []rollout.Output{}}
		all = append(all, d)
		k := &shipping{options: o, streams: s, ships: h, shipment: p}
		if failed = ship(ctx, k, d); failed != nil {
			d.Outcome, d.Error = "failed", failed.Error()
			if rest := len(chosen) - i - 1; rest > 0 {
				fmt.Fprintf(s.err, "%d further fleets were not begun.\n", rest)
			}
			break
		}
	}
	return all, failed
}

// confirm asks whether to go on. Without somebody to ask it refuses.
func (o *shipOptions) confirm(s *streams, question string) (bool, error) {
	if o.yes {
		return true, nil
	}
	if !s.answers {
		return false, &exitError{
			status: exitUsage, err: errors.New("nobody is there to ask: standard input is no terminal"),
			hint: "Nothing was changed. To go on without being asked: --yes",
		}
	}
	fmt.Fprintf(s.err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil && answer == "" {
		return false, nil
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// zips are the deployment packages of the functions for an architecture, by their
// paths in the template: made once, however many fleets take them.
func (o *shipOptions) zips(ctx context.Context, s *streams, a bundle.Architecture) (map[string][]byte, error) {
	if o.packed[a] != nil {
		return o.packed[a], nil
	}
	paths, err := bundle.Functions(embedded.Fleet)
	if err != nil {
		return nil, err
	}
	where, err := o.executables(ctx, s, a)
	if err != nil {
		return nil, err
	}
	zips := make([][]byte, len(paths))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, path := range paths {
		group.Go(func() error {
			executable, err := bundle.Read(where(filepath.Base(path)), a)
			if err != nil {
				return err
			}
			zips[i], err = bundle.Zip(executable)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	packed := map[string][]byte{}
	for i, path := range paths {
		packed[path] = zips[i]
	}
	if o.packed == nil {
		o.packed = map[bundle.Architecture]map[string][]byte{}
	}
	o.packed[a] = packed
	return packed, nil
}

// executables finds the functions' executables for an architecture, by their
// names: those of --code, of the checkout that the command is used in, or those
// beside the command.
func (o *shipOptions) executables(ctx context.Context, s *streams, a bundle.Architecture) (func(name string) string, error) {
	if o.code != "" {
		return func(name string) string { return filepath.Join(s.path(o.code), name, "bootstrap") }, nil
	}
	root, err := checkout(s.dir)
	if err != nil {
		return nil, err
	}
	if root == "" {
		executable, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the muster executable: %w", err)
		}
		return func(name string) string { return filepath.Join(filepath.Dir(executable), name, "bootstrap") }, nil
	}
	folder, err := cacheOf(root)
	if err != nil {
		return nil, err
	}
	folder = filepath.Join(folder, "lambda", string(a))
	fmt.Fprintf(s.err, "Building functions for %s...\n", a)
	if err := bundle.Build(ctx, root, folder, a); err != nil {
		return nil, err
	}
	return func(name string) string { return filepath.Join(folder, name) }, nil
}

// pack writes what would be uploaded into a folder.
func (o *deployOptions) pack(ctx context.Context, s *streams, h *ships, chosen []shipment) error {
	if o.bucket == "" {
		return usage(errors.New("--package-only needs --bucket: the template says where the zips will be"))
	}
	folder := s.path(o.into)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return usage(fmt.Errorf("--package-only: %w", err))
	}
	type packed struct {
		File  string `json:"file"`
		Bytes int    `json:"bytes"`
	}
	written, seen := []packed{}, map[string]bool{}
	for _, p := range chosen {
		if err := h.check(p, nil); err != nil {
			return usage(err)
		}
		k := &shipping{options: &o.shipOptions, streams: s, ships: h, shipment: p}
		b, err := k.bundle(ctx, o.bucket, h.architecture(p.values()))
		if err != nil {
			return err
		}
		for _, f := range append(b.Files, b.Template) {
			name := filepath.Base(f.Key)
			if seen[name] {
				continue
			}
			seen[name] = true
			if err := os.WriteFile(filepath.Join(folder, name), f.Data, 0o644); err != nil {
				return fmt.Errorf("write the package: %w", err)
			}
			written = append(written, packed{filepath.Join(o.into, name), len(f.Data)})
		}
	}
	if o.json {
		return printJSON(s.out, map[string]any{"files": written, "uploadTo": "s3://" + o.bucket + "/" + codePrefix})
	}
	for _, f := range written {
		fmt.Fprintf(s.out, "%s  %s\n", f.File, megabytes(f.Bytes))
	}
	fmt.Fprintf(s.out, "Upload these to s3://%s/%s, and deploy the template.\n", o.bucket, codePrefix)
	return nil
}

func megabytes(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
