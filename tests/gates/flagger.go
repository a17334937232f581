package main

import (
	"fmt"
	"os"

	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/controller"
	"sigs.k8s.io/yaml"
)

type answer struct {
	Hook    string `json:"hook"`
	Success bool   `json:"success"`
	// What Flagger puts into its event when the hook fails.
	Message string `json:"message"`
}

// The answer to each webhook as Flagger's own client understands it. What Flagger does with a success or
// a failure depends on the hook's type; that part of it is not exported.
func hooks(file, digest string) ([]answer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var canary flagger.Canary
	if err := yaml.UnmarshalStrict(text, &canary); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	canary.Status.LastAppliedSpec = "5d8f9"
	var answers []answer
	for _, hook := range canary.GetAnalysis().Webhooks {
		if hook.URL, err = here(hook.URL); err != nil {
			return nil, err
		}
		metadata := map[string]string{"digest": digest}
		hook.Metadata = &metadata
		got := answer{Hook: string(hook.Type), Success: true}
		if err := controller.CallWebhook(canary, flagger.CanaryPhaseProgressing, hook); err != nil {
			got.Success, got.Message = false, err.Error()
		}
		answers = append(answers, got)
	}
	return answers, nil
}
