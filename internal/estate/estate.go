// Package estate reads muster.yaml: the fleets of a team, their parameters and
// their handlers on a laptop.
//
//	fleets:
//	  orders:
//	    region: eu-central-1
//	    parameters:
//	      ProcessHandler: arn:aws:lambda:eu-central-1:123456789012:function:orders
//	      MaxConcurrency: 20
//	    tags:
//	      team: shop
//	    handler: ./handle.sh
package estate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// FileName is how the file is called.
const FileName = "muster.yaml"

// Estate is all fleets of a file.
type Estate struct {
	// File as errors name it.
	File string
	// Fleets in the order of the file.
	Fleets []Fleet
}

// Fleet is one fleet of the file.
type Fleet struct {
	Name string
	Line int
	// Region of AWS. Empty for the one that is configured.
	Region string
	// Parameters of the template, by name.
	Parameters map[string]Value
	// Tags of the stack and of all that is in it.
	Tags map[string]string
	// Handler and Transform run on a laptop in place of the template's functions.
	Handler, Transform string
}

// Value is a parameter's value, as the template takes it.
type Value struct {
	Text string
	Line int
}

// Fault is something wrong in the file, with the place and the remedy.
type Fault struct {
	File    string
	Line    int
	Message string
}

func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message) }

// Load reads dir's muster.yaml, or that of the next folder above that has one,
// as far as the checkout that dir is in. Without one it returns nil.
func Load(dir string) (*Estate, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", FileName, err)
	}
	for folder := absolute; ; {
		path := filepath.Join(folder, FileName)
		data, err := os.ReadFile(path)
		switch {
		case err == nil:
			name, err := filepath.Rel(absolute, path)
			if err != nil {
				name = path
			}
			return Parse(name, data)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read %s: %w", FileName, err)
		}
		_, err = os.Stat(filepath.Join(folder, ".git"))
		parent := filepath.Dir(folder)
		if err == nil || parent == folder {
			return nil, nil
		}
		folder = parent
	}
}

// Fleet finds a fleet by its name. Nil if there is none; also of a nil Estate.
func (e *Estate) Fleet(name string) *Fleet {
	if e == nil {
		return nil
	}
	for i := range e.Fleets {
		if e.Fleets[i].Name == name {
			return &e.Fleets[i]
		}
	}
	return nil
}

// Names of the fleets, in the order of the file.
func (e *Estate) Names() []string {
	var names []string
	if e != nil {
		for _, f := range e.Fleets {
			names = append(names, f.Name)
		}
	}
	return names
}

// Texts are the fleet's parameters as the template takes them.
func (f *Fleet) Texts() map[string]string {
	texts := map[string]string{}
	for name, value := range f.Parameters {
		texts[name] = value.Text
	}
	return texts
}

func joinFaults(faults []*Fault) error {
	slices.SortStableFunc(faults, func(a, b *Fault) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}
