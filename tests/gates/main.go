// Gates asks a running console what its gates would ask, with the gates' own code, and says what they
// made of the answers.
//
//	gates check FILE...           the files against the types and the published schemas of their kinds
//	gates argo FILE KEY=VALUE...  one measurement of each metric of an AnalysisTemplate
//	gates flagger FILE DIGEST     the answer to each webhook of a Canary
//	gates formats FILE...         what readers of SARIF and JUnit reports make of the files
//
// A URL's host is replaced by $CONSOLE. The result is one JSON document on stdout. A test of the
// product (tests/tests/e2e/gates.rs) starts the console and judges the result; this program only
// knows the gates.
package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: gates check|argo|flagger|formats FILE..."))
	}
	var result any
	var err error
	switch os.Args[1] {
	case "check":
		result, err = check(os.Args[2:])
	case "argo":
		result, err = measure(os.Args[2], os.Args[3:])
	case "formats":
		result, err = formats(os.Args[2:])
	case "flagger":
		result, err = hooks(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("there is no command %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(result); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gates:", err)
	os.Exit(2)
}

// The same URL at the console under test.
func here(text string) (string, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	if parsed.Scheme != "http" || os.Getenv("CONSOLE") == "" {
		return "", fmt.Errorf("%s: want http:// and $CONSOLE", text)
	}
	parsed.Host = os.Getenv("CONSOLE")
	return parsed.String(), nil
}
