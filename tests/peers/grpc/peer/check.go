package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const devices = 7

// dial with an authority of "" lets grpc-go send the bare path of the socket as :authority.
func dial(socket, authority string) *grpc.ClientConn {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32 << 20)),
	}
	if authority != "" {
		options = append(options, grpc.WithAuthority(authority))
	}
	conn, err := grpc.NewClient("passthrough:///"+socket, options...)
	if err != nil {
		fail(err)
	}
	return conn
}

func limit(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

func want(condition bool, format string, args ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func wantCode(err error, code codes.Code, text string) error {
	s, _ := status.FromError(err)
	return want(s.Code() == code && strings.Contains(s.Message(), text),
		"found %v %q; expected %v with %q", s.Code(), s.Message(), code, text)
}

func allocate(client api.DevicePluginClient, ids ...string) (*api.AllocateResponse, error) {
	ctx, cancel := limit(10 * time.Second)
	defer cancel()
	return client.Allocate(ctx, &api.AllocateRequest{ContainerRequests: []*api.ContainerAllocateRequest{{DevicesIds: ids}}})
}

func turn(client api.DevicePluginClient, id string) error {
	ctx, cancel := limit(10 * time.Second)
	defer cancel()
	_, err := client.PreStartContainer(ctx, &api.PreStartContainerRequest{DevicesIds: []string{id}})
	return err
}

func watch(ctx context.Context, client api.DevicePluginClient) (grpc.ServerStreamingClient[api.ListAndWatchResponse], error) {
	stream, err := client.ListAndWatch(ctx, &api.Empty{})
	if err != nil {
		return nil, err
	}
	list, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if len(list.Devices) != devices || list.Devices[1].ID != "dev-1" {
		return nil, fmt.Errorf("found the list %v", list)
	}
	first := list.Devices[1]
	if first.Topology == nil || len(first.Topology.Nodes) != 1 || first.Topology.Nodes[0].ID != 1 || list.Devices[2].Topology != nil {
		return nil, fmt.Errorf("found the topologies of %v", list)
	}
	return stream, nil
}

func checkOptions(_ string, client api.DevicePluginClient) error {
	ctx, cancel := limit(10 * time.Second)
	defer cancel()
	options, err := client.GetDevicePluginOptions(ctx, &api.Empty{})
	if err != nil {
		return err
	}
	return want(options.PreStartRequired && options.GetPreferredAllocationAvailable, "found %v", options)
}

func checkAllocate(_ string, client api.DevicePluginClient) error {
	ctx, cancel := limit(10 * time.Second)
	defer cancel()
	answer, err := client.Allocate(ctx, &api.AllocateRequest{ContainerRequests: []*api.ContainerAllocateRequest{
		{DevicesIds: []string{"dev-3", "dev-1"}}, {DevicesIds: []string{"dev-2"}}}})
	if err != nil {
		return err
	}
	if len(answer.ContainerResponses) != 2 {
		return fmt.Errorf("found %d containers", len(answer.ContainerResponses))
	}
	c := answer.ContainerResponses[0]
	fine := len(c.Envs) == 1 && c.Envs["NVIDIA_VISIBLE_DEVICES"] == "dev-3" &&
		len(c.Mounts) == 1 && c.Mounts[0].ContainerPath == "/usr/bin/tool" && c.Mounts[0].HostPath == "/opt/tool" && c.Mounts[0].ReadOnly &&
		len(c.Devices) == 1 && c.Devices[0].HostPath == "/dev/nvidia0" && c.Devices[0].ContainerPath == "/dev/nvidia0" && c.Devices[0].Permissions == "rw" &&
		len(c.Annotations) == 1 && c.Annotations["cdi.k8s.io/x"] == "nvidia.com/gpu=0" &&
		len(c.CdiDevices) == 2 && c.CdiDevices[1].Name == "dev-1"
	return want(fine, "found %v", c)
}

func checkPreferred(_ string, client api.DevicePluginClient) error {
	ctx, cancel := limit(10 * time.Second)
	defer cancel()
	answer, err := client.GetPreferredAllocation(ctx, &api.PreferredAllocationRequest{ContainerRequests: []*api.ContainerPreferredAllocationRequest{
		{AvailableDeviceIDs: []string{"a", "b", "c"}, MustIncludeDeviceIDs: []string{"a"}, AllocationSize: 2}}})
	if err != nil {
		return err
	}
	return want(len(answer.ContainerResponses) == 1 && strings.Join(answer.ContainerResponses[0].DeviceIDs, " ") == "a b", "found %v", answer)
}

func checkStreams(_ string, client api.DevicePluginClient) error {
	ctx, cancel := limit(20 * time.Second)
	defer cancel()
	var streams []grpc.ServerStreamingClient[api.ListAndWatchResponse]
	for range 10 {
		stream, err := watch(ctx, client)
		if err != nil {
			return err
		}
		streams = append(streams, stream)
	}
	for round := range 20 {
		if err := turn(client, "dev-4"); err != nil {
			return err
		}
		for _, stream := range streams {
			list, err := stream.Recv()
			if err != nil {
				return err
			}
			health := []string{api.Unhealthy, api.Healthy}[round%2]
			if err := want(list.Devices[4].Health == health, "round %d: found %v", round, list.Devices[4]); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkCancel(_ string, client api.DevicePluginClient) error {
	for range 300 { // more than there may be calls at a time
		ctx, cancel := context.WithCancel(context.Background())
		stream, err := watch(ctx, client)
		cancel()
		if err != nil {
			return err
		}
		if _, err = stream.Recv(); status.Code(err) != codes.Canceled {
			return fmt.Errorf("found %v after cancelling", err)
		}
	}
	return turn(client, "dev-0")
}

func checkDeadline(_ string, client api.DevicePluginClient) error {
	ctx, cancel := limit(200 * time.Millisecond)
	defer cancel()
	_, err := client.Allocate(ctx, &api.AllocateRequest{ContainerRequests: []*api.ContainerAllocateRequest{{DevicesIds: []string{"never"}}}})
	if err := wantCode(err, codes.DeadlineExceeded, ""); err != nil {
		return err
	}
	_, err = allocate(client, "dev-1")
	return err
}

func checkError(_ string, client api.DevicePluginClient) error {
	_, err := allocate(client, "dev-1", "gone-ü")
	return wantCode(err, codes.NotFound, "there is no device gone-ü; 100% sure")
}

func checkUnknown(socket string, _ api.DevicePluginClient) error {
	conn := dial(socket, "localhost")
	defer conn.Close()
	ctx, cancel := limit(10 * time.Second)
	defer cancel()
	err := conn.Invoke(ctx, "/v1beta1.DevicePlugin/Nonsense", &api.Empty{}, &api.Empty{})
	return wantCode(err, codes.Unimplemented, "/v1beta1.DevicePlugin/Nonsense")
}

func checkGzip(_ string, client api.DevicePluginClient) error {
	ctx, cancel := limit(10 * time.Second)
	defer cancel()
	_, err := client.GetDevicePluginOptions(ctx, &api.Empty{}, grpc.UseCompressor(gzip.Name))
	return wantCode(err, codes.Unimplemented, "identity")
}

// Ids of 1,000 bytes that are not there: the answer names the first.
func checkSizes(_ string, client api.DevicePluginClient) error {
	id := strings.Repeat("x", 1000)
	few := make([]string, 4180)
	many := make([]string, 4200)
	for i := range many {
		many[i] = id
	}
	copy(few, many)
	_, err := allocate(client, few...)
	if err := wantCode(err, codes.NotFound, "there is no device xxx"); err != nil {
		return err
	}
	_, err = allocate(client, many...)
	return wantCode(err, codes.ResourceExhausted, "4194304")
}

func checkParallel(_ string, client api.DevicePluginClient) error {
	var group sync.WaitGroup
	errs := make(chan error, 400)
	for range 400 {
		group.Add(1)
		go func() {
			defer group.Done()
			_, err := allocate(client, "dev-5")
			errs <- err
		}()
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkAuthority(socket string, _ api.DevicePluginClient) error {
	for _, authority := range []string{"", "localhost", "%2Fvar%2Flib", "a b<>"} {
		conn := dial(socket, authority)
		_, err := allocate(api.NewDevicePluginClient(conn), "dev-1")
		conn.Close()
		if err != nil {
			return fmt.Errorf("authority %q: %w", authority, err)
		}
	}
	return nil
}

func check(socket string) {
	cases := []struct {
		name string
		run  func(string, api.DevicePluginClient) error
	}{
		{"GetDevicePluginOptions", checkOptions},
		{"every field of Allocate's answer arrives", checkAllocate},
		{"GetPreferredAllocation", checkPreferred},
		{"ten ListAndWatch streams each hear of twenty changes", checkStreams},
		{"three hundred streams are cancelled, and calls go on", checkCancel},
		{"a deadline passes, and calls go on", checkDeadline},
		{"a status has its code and text", checkError},
		{"an unknown method is UNIMPLEMENTED", checkUnknown},
		{"a compressed call is UNIMPLEMENTED", checkGzip},
		{"4 MiB pass, more is RESOURCE_EXHAUSTED", checkSizes},
		{"four hundred calls at once", checkParallel},
		{"any authority is served, a bare path too", checkAuthority},
	}
	failed := 0
	for i, c := range cases {
		conn := dial(socket, "localhost")
		err := c.run(socket, api.NewDevicePluginClient(conn))
		conn.Close()
		if err != nil {
			failed++
			fmt.Printf("not ok %d - grpc-go: %s\n# %v\n", i+1, c.name, err)
		} else {
			fmt.Printf("ok %d - grpc-go: %s\n", i+1, c.name)
		}
	}
	fmt.Printf("1..%d\n", len(cases))
	if failed > 0 {
		os.Exit(1)
	}
}
