package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

func bench(socket string, calls int) {
	conn := dial(socket, "localhost")
	defer conn.Close()
	client := api.NewDevicePluginClient(conn)
	took := make([]float64, 0, calls)
	for i := range calls + calls/10 {
		begin := time.Now()
		if _, err := allocate(client, "dev-1"); err != nil {
			fail(err)
		}
		if i >= calls/10 { // the first ones warm up
			took = append(took, float64(time.Since(begin).Nanoseconds())/1000)
		}
	}
	slices.Sort(took)
	at := func(share float64) float64 { return took[int(share*float64(len(took)-1))] }
	line, err := json.Marshal(map[string]float64{"calls": float64(len(took)), "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99), "max_us": at(1)})
	if err != nil {
		fail(err)
	}
	fmt.Fprintln(os.Stdout, string(line))
}
