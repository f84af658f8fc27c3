package main

import (
	"context"
	"fmt"
	"net"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

func listen(socket string, register func(*grpc.Server)) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		fail(err)
	}
	server := grpc.NewServer()
	register(server)
	fmt.Println("ready")
	if err := server.Serve(listener); err != nil {
		fail(err)
	}
}

// plugin does what plugin_server does for Allocate.
type plugin struct {
	api.UnimplementedDevicePluginServer
	ids []string
}

func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	answer := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		granted := &api.ContainerAllocateResponse{
			Envs:        map[string]string{"NVIDIA_VISIBLE_DEVICES": container.DevicesIds[0]},
			Mounts:      []*api.Mount{{ContainerPath: "/usr/bin/tool", HostPath: "/opt/tool", ReadOnly: true}},
			Devices:     []*api.DeviceSpec{{ContainerPath: "/dev/nvidia0", HostPath: "/dev/nvidia0", Permissions: "rw"}},
			Annotations: map[string]string{"cdi.k8s.io/x": "nvidia.com/gpu=0"},
		}
		for _, id := range container.DevicesIds {
			if !slices.Contains(p.ids, id) {
				return nil, status.Errorf(codes.NotFound, "there is no device %s", id)
			}
			granted.CdiDevices = append(granted.CdiDevices, &api.CDIDevice{Name: id})
		}
		answer.ContainerResponses = append(answer.ContainerResponses, granted)
	}
	return answer, nil
}

func serve(socket string, n int) {
	p := &plugin{}
	for i := range n {
		p.ids = append(p.ids, fmt.Sprintf("dev-%d", i))
	}
	listen(socket, func(server *grpc.Server) { api.RegisterDevicePluginServer(server, p) })
}

type registration struct {
	api.UnimplementedRegistrationServer
}

func (registration) Register(_ context.Context, r *api.RegisterRequest) (*api.Empty, error) {
	if r.Version != api.Version {
		return nil, fmt.Errorf("requested API version %q is not supported by kubelet", r.Version)
	}
	fmt.Printf("registered %s at %s, options %v %v\n", r.ResourceName, r.Endpoint, r.Options.PreStartRequired, r.Options.GetPreferredAllocationAvailable)
	return &api.Empty{}, nil
}

type lister struct {
	podresources.UnimplementedPodResourcesListerServer
}

// devices as a kubelet lists them: an entry a device, with its node.
func entries(n int) []*podresources.ContainerDevices {
	var list []*podresources.ContainerDevices
	for i := range n {
		list = append(list, &podresources.ContainerDevices{ResourceName: "nvidia.com/mig-1g.5gb", DeviceIds: []string{fmt.Sprintf("MIG-%d", i)},
			Topology: &podresources.TopologyInfo{Nodes: []*podresources.NUMANode{{ID: int64(i % 2)}}}})
	}
	return list
}

func pod(name string) *podresources.PodResources {
	return &podresources.PodResources{Name: name, Namespace: "default", Containers: []*podresources.ContainerResources{
		{Name: "main", Devices: entries(2), CpuIds: []int64{1, 2, 3}, Memory: []*podresources.ContainerMemory{{MemoryType: "memory", Size: 1 << 30}},
			DynamicResources: []*podresources.DynamicResource{{ClaimName: "claim", ClaimNamespace: "default", ClaimResources: []*podresources.ClaimResource{
				{DriverName: "gpu.nvidia.com", PoolName: "node", DeviceName: "gpu-0", CdiDevices: []*podresources.CDIDevice{{Name: "k8s.gpu.nvidia.com/device=gpu-0"}}}}}}},
		{Name: "side"}}}
}

func (lister) List(context.Context, *podresources.ListPodResourcesRequest) (*podresources.ListPodResourcesResponse, error) {
	answer := &podresources.ListPodResourcesResponse{}
	for i := range 110 {
		answer.PodResources = append(answer.PodResources, pod(fmt.Sprintf("pod-%d", i)))
	}
	return answer, nil
}

func (lister) GetAllocatableResources(context.Context, *podresources.AllocatableResourcesRequest) (*podresources.AllocatableResourcesResponse, error) {
	return &podresources.AllocatableResourcesResponse{Devices: entries(56), CpuIds: []int64{0, 1, 2, 3}}, nil
}

func (lister) Get(_ context.Context, r *podresources.GetPodResourcesRequest) (*podresources.GetPodResourcesResponse, error) {
	if r.PodNamespace != "default" {
		return nil, fmt.Errorf("pod %s in namespace %s not found", r.PodName, r.PodNamespace)
	}
	return &podresources.GetPodResourcesResponse{PodResources: pod(r.PodName)}, nil
}

func kubelet(socket string) {
	listen(socket, func(server *grpc.Server) {
		api.RegisterRegistrationServer(server, registration{})
		podresources.RegisterPodResourcesListerServer(server, lister{})
	})
}
