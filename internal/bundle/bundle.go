// Package bundle makes of a template, its functions and its definitions what is
// uploaded to be deployed: zips and files named by their content, and the
// template with their places in S3 in it. The same input makes the same bytes.
package bundle

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File is a file to upload.
type File struct {
	// Key in the bucket: "muster/pump-0123456789abcdef.zip".
	Key  string
	Data []byte
}

// Bundle is all that a deployment uploads.
type Bundle struct {
	// Template with the places of the files in it.
	Template File
	// Files that the template names, each once, in the order of their keys.
	Files []File
	// CodeVersion changes whenever a function's code does, or the template that says
	// how it runs.
	CodeVersion string
}

// Source is what a bundle is made of.
type Source struct {
	// Template in YAML, whose functions and definitions are local paths, as
	// `aws cloudformation package` takes them.
	Template []byte
	// Function finds a function's deployment package by its path in the template.
	Function func(path string) ([]byte, error)
	// Definition finds a state machine's definition by its path in the template.
	Definition func(path string) ([]byte, error)
	// Bucket and Prefix are where the files will be: "muster/" for example.
	Bucket, Prefix string
}

// locals are the properties that may be local paths, by type of resource, and
// what stands for the path once it is in S3.
// https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html
var locals = map[string]struct{ property, location string }{
	"AWS::Lambda::Function":            {"Code", "{S3Bucket: %s, S3Key: %s}"},
	"AWS::StepFunctions::StateMachine": {"DefinitionS3Location", "{Bucket: %s, Key: %s}"},
}

// Pack makes the bundle. Every other byte of the template stays as it is.
func (s Source) Pack() (*Bundle, error) {
	places, err := find(s.Template)
	if err != nil {
		return nil, err
	}
	b := &Bundle{}
	keys := map[string]string{}
	var versions []string
	lines := strings.Split(string(s.Template), "\n")
	for _, p := range places {
		key, packed := keys[p.path]
		if !packed {
			file, err := s.file(p)
			if err != nil {
				return nil, fmt.Errorf("template line %d: %s: %w", p.line, p.path, err)
			}
			if p.function {
				versions = append(versions, file.Key)
			}
			key, keys[p.path] = file.Key, file.Key
			b.Files = append(b.Files, file)
		}
		line := lines[p.line-1]
		begin := p.column - 1
		if begin > len(line) || !strings.HasPrefix(line[begin:], p.path) {
			return nil, fmt.Errorf("template line %d: write the path %s plainly, without quotes", p.line, p.path)
		}
		lines[p.line-1] = line[:begin] + fmt.Sprintf(p.location, s.Bucket, key) + line[begin+len(p.path):]
	}
	slices.SortFunc(b.Files, func(a, b File) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(versions)
	b.CodeVersion = digest(append([]byte(strings.Join(versions, "\n")+"\n"), s.Template...))
	b.Template = TemplateFile(s.Prefix, []byte(strings.Join(lines, "\n")))
	return b, nil
}

// TemplateFile is the file of a template.
func TemplateFile(prefix string, text []byte) File {
	return File{Key: prefix + "fleet-" + digest(text) + ".yaml", Data: text}
}

func (s Source) file(p place) (File, error) {
	name, ending, _ := strings.Cut(path.Base(p.path), ".")
	if !p.function {
		data, err := s.Definition(p.path)
		return File{Key: s.Prefix + name + "-" + digest(data) + "." + ending, Data: data}, err
	}
	data, err := s.Function(p.path)
	return File{Key: s.Prefix + name + "-" + digest(data) + ".zip", Data: data}, err
}

// Functions are the paths of a template's functions.
func Functions(template []byte) ([]string, error) {
	places, err := find(template)
	var paths []string
	for _, p := range places {
		if p.function && !slices.Contains(paths, p.path) {
			paths = append(paths, p.path)
		}
	}
	return paths, err
}

// Parameters are the names of a template's parameters, in alphabetical order.
func Parameters(template []byte) ([]string, error) {
	var document struct {
		Parameters map[string]yaml.Node `yaml:"Parameters"`
	}
	err := decode(template, &document)
	return slices.Sorted(maps.Keys(document.Parameters)), err
}

// place is where a template names a local path.
type place struct {
	path string
	// line and column of the path, from 1.
	line, column int
	function     bool
	location     string
}

// find finds the local paths of a template.
func find(template []byte) ([]place, error) {
	var document struct {
		Resources map[string]struct {
			Type       string               `yaml:"Type"`
			Properties map[string]yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := decode(template, &document); err != nil {
		return nil, err
	}
	var found []place
	for _, r := range document.Resources {
		local, ok := locals[r.Type]
		if !ok {
			continue
		}
		node, ok := r.Properties[local.property]
		if !ok || node.Kind != yaml.ScalarNode {
			continue
		}
		found = append(found, place{
			path: node.Value, line: node.Line, column: node.Column,
			function: r.Type == "AWS::Lambda::Function", location: local.location,
		})
	}
	slices.SortFunc(found, func(a, b place) int { return a.line - b.line })
	return found, nil
}

func decode(template []byte, into any) error {
	if err := yaml.NewDecoder(bytes.NewReader(template)).Decode(into); err != nil {
		return fmt.Errorf("read the template: %w", err)
	}
	return nil
}
