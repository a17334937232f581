package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/analysis"
	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	batch "k8s.io/api/batch/v1"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"
)

// Where a kind's schema is published, and its Go type, which knows every field.
type kind struct {
	module, crd string
	object      func() any
}

const (
	argoRollouts = "github.com/argoproj/argo-rollouts"
	argoCD       = "github.com/argoproj/argo-cd/v3@v3.5.7"
	fluxFlagger  = "github.com/fluxcd/flagger"
)

var kinds = map[string]kind{
	"AnalysisTemplate": {argoRollouts, "manifests/crds/analysis-template-crd.yaml", func() any { return &rollouts.AnalysisTemplate{} }},
	"Rollout":          {argoRollouts, "manifests/crds/rollout-crd.yaml", func() any { return &rollouts.Rollout{} }},
	"Canary":           {fluxFlagger, "artifacts/flagger/crd.yaml", func() any { return &flagger.Canary{} }},
	"Application":      {argoCD, "manifests/crds/application-crd.yaml", nil},
	"Job":              {"", "", func() any { return &batch.Job{} }},
}

type checked struct {
	File     string   `json:"file"`
	Kind     string   `json:"kind"`
	Problems []string `json:"problems"`
}

func check(files []string) ([]checked, error) {
	var all []checked
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			one, err := checkOne(file, []byte(document))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, one)
		}
	}
	return all, nil
}

func checkOne(file string, document []byte) (checked, error) {
	var object map[string]any
	if err := yaml.Unmarshal(document, &object); err != nil {
		return checked{}, err
	}
	name, _ := object["kind"].(string)
	found, known := kinds[name]
	if !known {
		return checked{}, fmt.Errorf("no schema is known for kind %q", name)
	}
	problems := []string{}
	if found.object != nil {
		// Strict: a field that the type does not have is a slip that the cluster would drop in silence.
		typed := found.object()
		if err := yaml.UnmarshalStrict(document, typed); err != nil {
			problems = append(problems, err.Error())
		}
		if template, is := typed.(*rollouts.AnalysisTemplate); is {
			if err := analysis.ValidateMetrics(template.Spec.Metrics); err != nil {
				problems = append(problems, err.Error())
			}
		}
	}
	if found.crd != "" {
		schema, err := published(found, object["apiVersion"])
		if err != nil {
			return checked{}, err
		}
		result := validate.NewSchemaValidator(schema, nil, "", strfmt.Default).Validate(object)
		for _, err := range result.Errors {
			problems = append(problems, err.Error())
		}
		if found.object == nil {
			problems = append(problems, unknown(schema, object, "")...)
		}
	}
	return checked{file, name, problems}, nil
}

// Where the module cache holds a module: of this program's version, unless one is named.
func source(module string) (string, error) {
	list := exec.Command("go", "mod", "download", "-json", module)
	if !strings.Contains(module, "@") {
		list = exec.Command("go", "list", "-m", "-json", module)
	}
	list.Stderr = os.Stderr
	text, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", module, err)
	}
	var found struct{ Dir string }
	err = json.Unmarshal(text, &found)
	return found.Dir, err
}

// The schema of one version of a custom resource, from its module in the module cache.
func published(of kind, apiVersion any) (*spec.Schema, error) {
	directory, err := source(of.module)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(directory, of.crd))
	if err != nil {
		return nil, err
	}
	var crd struct {
		Spec struct {
			Group    string
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema spec.Schema }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, err
	}
	for _, version := range crd.Spec.Versions {
		if apiVersion == crd.Spec.Group+"/"+version.Name {
			return &version.Schema.OpenAPIV3Schema, nil
		}
	}
	return nil, fmt.Errorf("%s defines no %v", of.crd, apiVersion)
}

// Fields that the schema does not name, where it names any.
func unknown(schema *spec.Schema, value any, path string) []string {
	var problems []string
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			property, named := schema.Properties[name]
			switch {
			case named:
				problems = append(problems, unknown(&property, inner, path+"."+name)...)
			case len(schema.Properties) > 0 && path != "" && path != ".metadata":
				problems = append(problems, fmt.Sprintf("unknown field %s.%s", path, name))
			}
		}
	case []any:
		if schema.Items != nil && schema.Items.Schema != nil {
			for _, inner := range value {
				problems = append(problems, unknown(schema.Items.Schema, inner, path+"[]")...)
			}
		}
	}
	return problems
}
