// A kubelet's side of the device plugin API, to measure with: grpc-go and the kubelet's own messages.
//
//	client list SOCKET                      the ids of ListAndWatch's first list, a line each
//	client answer SOCKET ID...              Allocate's answer for these ids, as JSON
//	client load SOCKET RATE SECONDS ID...   calls Allocate RATE times a second; prints a line of JSON
//	client offered SOCKET RESOURCE=N...     waits until a kubelet (its pod-resources socket) offers N of
//	                                        each; prints when that was, in seconds of CLOCK_MONOTONIC
//	client recorded FILE RESOURCE=N...      the same from the kubelet's record of devices, to the millisecond
//	client registrations FOLDER             a kubelet's socket in FOLDER: prints the time of each
//	                                        registration, and of the first list that follows it
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const callLimit = 10 * time.Second

func fail(err error) {
	fmt.Fprintln(os.Stderr, "client:", err)
	os.Exit(1)
}

// now is CLOCK_MONOTONIC in nanoseconds, which other processes can compare with.
func now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		fail(err)
	}
	return t.Nano()
}

func dial(socket string) *grpc.ClientConn {
	conn, err := grpc.NewClient("passthrough:///"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		fail(err)
	}
	return conn
}

func limit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callLimit)
}

func allocate(client api.DevicePluginClient, ids []string) (*api.AllocateResponse, error) {
	ctx, cancel := limit()
	defer cancel()
	return client.Allocate(ctx, &api.AllocateRequest{
		ContainerRequests: []*api.ContainerAllocateRequest{{DevicesIds: ids}}})
}

func firstList(client api.DevicePluginClient) ([]*api.Device, error) {
	ctx, cancel := limit()
	defer cancel()
	stream, err := client.ListAndWatch(ctx, &api.Empty{})
	if err != nil {
		return nil, err
	}
	list, err := stream.Recv()
	return list.GetDevices(), err
}

func list(socket string) {
	conn := dial(socket)
	defer conn.Close()
	devices, err := firstList(api.NewDevicePluginClient(conn))
	if err != nil {
		fail(err)
	}
	for _, device := range devices {
		fmt.Println(device.ID)
	}
}

func answer(socket string, ids []string) {
	conn := dial(socket)
	defer conn.Close()
	given, err := allocate(api.NewDevicePluginClient(conn), ids)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(given.ContainerResponses)
	}
	if err != nil {
		fail(err)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		fail(fmt.Errorf("found %q; expected a number above 0", text))
	}
	return n
}

func main() {
	args := append(os.Args[1:], "", "")
	switch {
	case args[0] == "list":
		list(args[1])
	case args[0] == "answer" && len(os.Args) > 3:
		answer(os.Args[2], os.Args[3:])
	case args[0] == "load" && len(os.Args) > 5:
		load(os.Args[2], number(os.Args[3]), number(os.Args[4]), os.Args[5:])
	case args[0] == "offered" && len(os.Args) > 3:
		offered(os.Args[2], os.Args[3:])
	case args[0] == "recorded" && len(os.Args) > 3:
		recorded(os.Args[2], os.Args[3:])
	case args[0] == "registrations":
		registrations(args[1])
	default:
		fail(fmt.Errorf("usage: client list|answer|load|offered|recorded|registrations WHERE [ARGUMENT...]"))
	}
}
