// cdi says what CDI files do to a container, by the library that container runtimes have.
//
// It reads paths of files from standard input, one a line, and writes one line of JSON for each:
// {"error"} where the library refuses the file, else {"version", "kind", "names", "devices": {name:
// the OCI specification of a container that was empty before it got the device}}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	oci "github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

type document struct {
	Error   string               `json:"error,omitempty"`
	Version string               `json:"version"`
	Kind    string               `json:"kind"`
	Names   []string             `json:"names"`
	Devices map[string]*oci.Spec `json:"devices"`
}

func look(path string) document {
	spec, err := cdi.ReadSpec(path, 0)
	if err != nil {
		return document{Error: err.Error()}
	}
	seen := document{
		Version: spec.Version,
		Kind:    spec.Kind,
		Devices: map[string]*oci.Spec{},
	}
	for _, device := range spec.Devices {
		seen.Names = append(seen.Names, device.Name)
		container := &oci.Spec{}
		if err := spec.GetDevice(device.Name).ApplyEdits(container); err != nil {
			return document{Error: fmt.Sprintf("device %s: %v", device.Name, err)}
		}
		if err := spec.ApplyEdits(container); err != nil {
			return document{Error: fmt.Sprintf("the edits of all devices: %v", err)}
		}
		seen.Devices[device.Name] = container
	}
	return seen
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		line, err := json.Marshal(look(lines.Text()))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(string(line))
	}
}
