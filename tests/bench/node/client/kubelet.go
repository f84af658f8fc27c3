package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

const (
	askEvery   = 100 * time.Millisecond // a kubelet refuses more than 100 questions a second, of all who ask
	lookEvery  = time.Millisecond
	offerLimit = 120 * time.Second
)

// offered asks a real kubelet what it has to give away, until all of `wanted` is there.
func offered(socket string, wanted []string) {
	conn := dial(socket)
	defer conn.Close()
	client := podresources.NewPodResourcesListerClient(conn)
	fmt.Println("ready")
	wait(wanted, askEvery, func() (map[string]int, error) {
		found, err := counts(client)
		if status.Code(err) == codes.ResourceExhausted {
			return nil, nil
		}
		return found, err
	})
}

// recorded looks at a real kubelet's record of devices, which it writes anew with each list that a plugin sends:
// finer than asking it, and no burden to it. What was written before this began does not count.
func recorded(path string, wanted []string) {
	old, _ := os.Stat(path)
	fmt.Println("ready")
	wait(wanted, lookEvery, func() (map[string]int, error) {
		info, err := os.Stat(path)
		if err != nil || (old != nil && os.SameFile(old, info)) {
			return nil, nil
		}
		return record(path)
	})
}

func wait(wanted []string, every time.Duration, look func() (map[string]int, error)) {
	var found map[string]int
	var err error
	for end := time.Now().Add(offerLimit); time.Now().Before(end); time.Sleep(every) {
		if found, err = look(); err != nil {
			fail(err)
		}
		if found != nil && all(wanted, found) {
			fmt.Printf("%.6f\n", float64(now())/1e9)
			return
		}
	}
	fail(fmt.Errorf("the kubelet offers %v after %v; expected %v", found, offerLimit, wanted))
}

func record(path string) (map[string]int, error) {
	var checkpoint struct {
		Data struct{ RegisteredDevices map[string][]string }
	}
	bytes, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(bytes, &checkpoint)
	}
	found := map[string]int{}
	for name, ids := range checkpoint.Data.RegisteredDevices {
		found[name] = len(ids)
	}
	return found, err
}

func counts(client podresources.PodResourcesListerClient) (map[string]int, error) {
	ctx, cancel := limit()
	defer cancel()
	offer, err := client.GetAllocatableResources(ctx, &podresources.AllocatableResourcesRequest{})
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	for _, entry := range offer.Devices {
		if strings.HasPrefix(entry.ResourceName, "nvidia.com/") {
			found[entry.ResourceName] += len(entry.DeviceIds)
		}
	}
	return found, nil
}

// "name=0" is met by a name that is not there, too.
func all(wanted []string, found map[string]int) bool {
	for _, want := range wanted {
		name, n, _ := strings.Cut(want, "=")
		if fmt.Sprint(found[name]) != n {
			return false
		}
	}
	return true
}

// registrar is the part of a kubelet that plugins see.
type registrar struct {
	api.UnimplementedRegistrationServer
	folder string
}

func (r registrar) Register(_ context.Context, request *api.RegisterRequest) (*api.Empty, error) {
	fmt.Printf("registered %s %.6f\n", request.ResourceName, float64(now())/1e9)
	go r.listen(request.ResourceName, request.Endpoint) // for as long as this program runs, as a kubelet does
	return &api.Empty{}, nil
}

func (r registrar) listen(resource, endpoint string) {
	stream, err := api.NewDevicePluginClient(dial(filepath.Join(r.folder, endpoint))).ListAndWatch(context.Background(), &api.Empty{})
	for first := true; err == nil; first = false {
		var list *api.ListAndWatchResponse
		if list, err = stream.Recv(); err == nil && first {
			fmt.Printf("listed %s %d %.6f\n", resource, len(list.Devices), float64(now())/1e9)
		}
	}
}

func registrations(folder string) {
	socket := filepath.Join(folder, "kubelet.sock")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		fail(err)
	}
	os.Remove(socket) // of one before
	listener, err := net.Listen("unix", socket)
	if err != nil {
		fail(err)
	}
	server := grpc.NewServer()
	api.RegisterRegistrationServer(server, registrar{folder: folder})
	fmt.Println("ready")
	if err := server.Serve(listener); err != nil {
		fail(err)
	}
}
