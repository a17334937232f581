package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"

	"github.com/joshdk/go-junit"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"
)

// What a reader of CI reports made of one file.
type report struct {
	File     string      `json:"file"`
	Problems []string    `json:"problems"`
	Totals   *counts     `json:"totals,omitempty"`
	Suites   []string    `json:"suites,omitempty"`
	Results  []sarifLine `json:"results,omitempty"`
}

type counts struct {
	Tests   int `json:"tests"`
	Passed  int `json:"passed"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
	Error   int `json:"error"`
}

type sarifLine struct {
	Rule  string `json:"rule"`
	Level string `json:"level"`
}

// Reads reports by their endings: SARIF against its published schema, JUnit as a CI system does.
func formats(files []string) ([]report, error) {
	var all []report
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		one := report{File: file, Problems: []string{}}
		if filepath.Ext(file) == ".sarif" {
			err = one.sarif(text)
		} else {
			err = one.junit(text)
		}
		if err != nil {
			one.Problems = append(one.Problems, err.Error())
		}
		all = append(all, one)
	}
	return all, nil
}

func (r *report) sarif(text []byte) error {
	schema, err := sarifSchema()
	if err != nil {
		return err
	}
	checked, err := gojsonschema.Validate(gojsonschema.NewStringLoader(schema), gojsonschema.NewBytesLoader(text))
	if err != nil {
		return err
	}
	for _, problem := range checked.Errors() {
		r.Problems = append(r.Problems, problem.String())
	}
	parsed, err := sarif.FromBytes(text)
	if err != nil || !checked.Valid() {
		return err
	}
	for _, run := range parsed.Runs {
		for _, result := range run.Results {
			r.Results = append(r.Results, sarifLine{Rule: *result.RuleID, Level: result.Level})
		}
	}
	return nil
}

// The published schema lies in the library's source as a constant that it does not export; its own
// Validate looks at what it would write, with its own defaults, and not at the text that it read.
func sarifSchema() (string, error) {
	directory, err := source("github.com/owenrumney/go-sarif/v3")
	if err != nil {
		return "", err
	}
	name := filepath.Join(directory, "pkg/report/v210/sarif/schema.go")
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		return "", err
	}
	var found string
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING && found == "" {
			found, err = strconv.Unquote(literal.Value)
		}
		return err == nil
	})
	if found == "" {
		return "", fmt.Errorf("%s holds no schema", name)
	}
	return found, err
}

func (r *report) junit(text []byte) error {
	suites, err := junit.Ingest(text)
	if err != nil {
		return err
	}
	r.Totals = &counts{}
	for _, suite := range suites {
		r.Suites = append(r.Suites, suite.Name)
		r.Totals.Tests += suite.Totals.Tests
		r.Totals.Passed += suite.Totals.Passed
		r.Totals.Skipped += suite.Totals.Skipped
		r.Totals.Failed += suite.Totals.Failed
		r.Totals.Error += suite.Totals.Error
	}
	return nil
}
