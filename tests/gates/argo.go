package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/argo-rollouts/metricproviders/webmetric"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/analysis"
	log "github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"
)

type measurement struct {
	Metric  string `json:"metric"`
	URL     string `json:"url"`
	Phase   string `json:"phase"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

// One measurement of each web metric, as the analysis controller would take it: arguments resolved,
// the metric validated, the provider asked.
func measure(file string, given []string) ([]measurement, error) {
	log.SetOutput(os.Stderr)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var template v1alpha1.AnalysisTemplate
	if err := yaml.UnmarshalStrict(text, &template); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	args, err := arguments(template.Spec.Args, given)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var taken []measurement
	for _, written := range template.Spec.Metrics {
		metric, err := analysis.ResolveMetricArgs(written, args)
		if err != nil {
			return nil, err
		}
		if err := analysis.ValidateMetric(*metric); err != nil {
			return nil, err
		}
		if metric.Provider.Web == nil {
			continue
		}
		if metric.Provider.Web.URL, err = here(metric.Provider.Web.URL); err != nil {
			return nil, err
		}
		client, err := webmetric.NewWebMetricHttpClient(*metric)
		if err != nil {
			return nil, err
		}
		parser, err := webmetric.NewWebMetricJsonParser(*metric)
		if err != nil {
			return nil, err
		}
		provider := webmetric.NewWebMetricProvider(*log.NewEntry(log.StandardLogger()), client, parser)
		got := provider.Run(&v1alpha1.AnalysisRun{}, *metric)
		taken = append(taken, measurement{
			metric.Name, metric.Provider.Web.URL, string(got.Phase), got.Value, got.Message,
		})
	}
	return taken, nil
}

// The template's arguments with what a rollout gives in their place.
func arguments(written []v1alpha1.Argument, given []string) ([]v1alpha1.Argument, error) {
	values := map[string]string{}
	for _, pair := range given {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("%q is not of the form NAME=VALUE", pair)
		}
		values[name] = value
	}
	var args []v1alpha1.Argument
	for _, arg := range written {
		if value, found := values[arg.Name]; found {
			arg.Value = &value
			delete(values, arg.Name)
		}
		if arg.Value == nil && arg.ValueFrom == nil {
			return nil, fmt.Errorf("the argument %s has no value", arg.Name)
		}
		args = append(args, arg)
	}
	for name := range values {
		return nil, fmt.Errorf("the template has no argument %s", name)
	}
	return args, nil
}
