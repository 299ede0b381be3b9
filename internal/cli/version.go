package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  cobra.NoArgs,
		RunE: verb(func(context.Context, []string) error {
			_, err := fmt.Fprintln(s.out, version())
			return err
		}),
	}
}

// version as the Go toolchain recorded it.
func version() string {
	text := "(unknown)"
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" {
		text = info.Main.Version
	}
	revision, modified := "", ""
	if ok {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				revision = " " + setting.Value[:min(len(setting.Value), 12)]
			case setting.Key == "vcs.modified" && setting.Value == "true":
				modified = " (modified)"
			}
		}
	}
	return fmt.Sprintf("muster %s%s%s %s %s/%s", text, revision, modified, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
