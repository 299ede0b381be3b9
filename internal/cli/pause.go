package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// How soon what people decide takes effect.
const (
	soonHome = `Workers are told within seconds: the autoscaler was woken. In the stream lane they
hear of it with their next report, within a minute, in the steps lane before their
next poll. What they hold by then, and what a poll of 20 seconds under way brings,
is handled; then no handler starts.`
	soonBack = "The autoscaler was woken: it starts workers within seconds."
)

func newPause(s *streams) *cobra.Command {
	o := new(steerOptions)
	return steering(s, &cobra.Command{
		Use:   "pause [FLEET]",
		Short: "Send all workers home and start none until it is resumed",
		Long: `Pause sends all workers home and starts none, until 'muster resume' or the time
given. Nothing is lost or cut off: messages wait in the queue, what is in hand is
finished. Pauses stay across deployments.

` + soonHome,
		Example: `  muster pause orders --why "new database" --for 2h
  muster pause orders --until 18:00`,
	}, o, true, func(ctx context.Context) error {
		k, r, d, err := o.begin(ctx, s, "pause")
		if err != nil {
			return err
		}
		if err := r.Pause(ctx, d); err != nil {
			return err
		}
		return o.finish(ctx, s, k, "pause", "paused "+d.String(), d, soonHome)
	})
}

func newResume(s *streams) *cobra.Command {
	o := new(steerOptions)
	return steering(s, &cobra.Command{
		Use:   "resume [FLEET]",
		Short: "End a pause",
		Long: `Resume ends what 'muster pause' or 'muster stop' began.

` + soonBack,
	}, o, false, func(ctx context.Context) error {
		k, r, d, err := o.begin(ctx, s, "resume")
		if err != nil {
			return err
		}
		if err := r.Resume(ctx, d); err != nil {
			return err
		}
		return o.finish(ctx, s, k, "resume", "resumed "+d.String(), d, soonBack)
	})
}

func newDrain(s *streams) *cobra.Command {
	o := new(steerOptions)
	return steering(s, &cobra.Command{
		Use:   "drain [FLEET]",
		Short: "Send the workers home that there are, and start others as usual",
		Long: `Drain sends home every worker that there is, once. Others are started in their
places as the depth asks for, when there are free slots: to have none started,
pause.

` + soonHome,
	}, o, false, func(ctx context.Context) error {
		k, r, d, err := o.begin(ctx, s, "drain")
		if err != nil {
			return err
		}
		if err := r.DrainAll(ctx, d); err != nil {
			return err
		}
		return o.finish(ctx, s, k, "drain", "drained "+d.String(), d, soonHome)
	})
}
