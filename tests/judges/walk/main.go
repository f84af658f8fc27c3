// walk says what NVIDIA's own Go libraries see of a simulated machine.
//
// It reads folders of machines from standard input, one a line, and writes one line of JSON for each:
// the same document that the other walkers write (see judge.py). Anything that a library calls an
// error stands in "errors".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/NVIDIA/go-nvlib/pkg/nvlib/device"
	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

type migDevice struct {
	Index     int    `json:"index"`
	UUID      string `json:"uuid"`
	Name      string `json:"name"`
	Profile   string `json:"profile"`
	GI        int    `json:"gi"`
	CI        int    `json:"ci"`
	GISlices  uint32 `json:"gi_slices"`
	CISlices  uint32 `json:"ci_slices"`
	MemoryMiB uint64 `json:"memory_mib"`
	Parent    string `json:"parent"`
}

type giProfile struct {
	ID         uint32      `json:"id"`
	Slices     uint32      `json:"slices"`
	Max        uint32      `json:"max"`
	MemoryMiB  uint64      `json:"memory_mib"`
	SMs        uint32      `json:"sms"`
	Placements [][2]uint32 `json:"placements"`
}

type instance struct {
	ID        uint32 `json:"id"`
	ProfileID uint32 `json:"profile_id"`
	Start     uint32 `json:"start"`
	Size      uint32 `json:"size"`
}

type gpu struct {
	Index      int         `json:"index"`
	UUID       string      `json:"uuid"`
	Name       string      `json:"name"`
	Serial     string      `json:"serial"`
	Bus        string      `json:"bus"`
	Minor      int         `json:"minor"`
	Capable    bool        `json:"capable"`
	Mig        bool        `json:"mig"`
	Profiles   []giProfile `json:"profiles"`
	Names      []string    `json:"profile_names"`
	Instances  []instance  `json:"instances"`
	MigDevices []migDevice `json:"migs"`
}

type machine struct {
	Driver string   `json:"driver"`
	GPUs   []gpu    `json:"gpus"`
	Errors []string `json:"errors"`
}

// must notes what a call returned, if it was not success.
func (m *machine) must(r nvml.Return, call string) bool {
	if r != nvml.SUCCESS {
		m.Errors = append(m.Errors, fmt.Sprintf("%s: %v", call, r))
	}
	return r == nvml.SUCCESS
}

func (m *machine) fine(err error, call string) bool {
	if err != nil {
		m.Errors = append(m.Errors, fmt.Sprintf("%s: %v", call, err))
	}
	return err == nil
}

// profiles asks for every kind until the library says that there are no more.
func (m *machine) profiles(d nvml.Device) (found []giProfile) {
	for i := 0; ; i++ {
		info, r := d.GetGpuInstanceProfileInfo(i)
		if r == nvml.ERROR_INVALID_ARGUMENT {
			return found
		}
		if r == nvml.ERROR_NOT_SUPPORTED {
			continue
		}
		if !m.must(r, "GetGpuInstanceProfileInfo") {
			return found
		}
		places, r := d.GetGpuInstancePossiblePlacements(&info)
		m.must(r, "GetGpuInstancePossiblePlacements")
		p := giProfile{ID: info.Id, Slices: info.SliceCount, Max: info.InstanceCount,
			MemoryMiB: info.MemorySizeMB, SMs: info.MultiprocessorCount}
		for _, place := range places {
			p.Placements = append(p.Placements, [2]uint32{place.Start, place.Size})
		}
		found = append(found, p)
	}
}

func (m *machine) instances(d nvml.Device, profiles []giProfile) (found []instance) {
	for _, p := range profiles {
		info := nvml.GpuInstanceProfileInfo{Id: p.ID, InstanceCount: p.Max}
		gis, r := d.GetGpuInstances(&info)
		if !m.must(r, "GetGpuInstances") {
			continue
		}
		for _, gi := range gis {
			i, r := gi.GetInfo()
			m.must(r, "GpuInstanceGetInfo")
			found = append(found, instance{i.Id, i.ProfileId, i.Placement.Start, i.Placement.Size})
		}
	}
	return found
}

func (m *machine) migs(d device.Device) (found []migDevice) {
	err := d.VisitMigDevices(func(index int, mig device.MigDevice) error {
		var x migDevice
		var r nvml.Return
		x.Index = index
		x.UUID, r = mig.GetUUID()
		m.must(r, "mig GetUUID")
		x.Name, r = mig.GetName()
		m.must(r, "mig GetName")
		x.GI, r = mig.GetGpuInstanceId()
		m.must(r, "GetGpuInstanceId")
		x.CI, r = mig.GetComputeInstanceId()
		m.must(r, "GetComputeInstanceId")
		attributes, r := mig.GetAttributes()
		m.must(r, "GetAttributes")
		x.GISlices = attributes.GpuInstanceSliceCount
		x.CISlices = attributes.ComputeInstanceSliceCount
		x.MemoryMiB = attributes.MemorySizeMB
		parent, r := mig.GetDeviceHandleFromMigDeviceHandle()
		m.must(r, "GetDeviceHandleFromMigDeviceHandle")
		x.Parent, r = parent.GetUUID()
		m.must(r, "parent GetUUID")
		profile, err := mig.GetProfile()
		if m.fine(err, "GetProfile") {
			x.Profile = profile.String()
		}
		found = append(found, x)
		return nil
	})
	m.fine(err, "VisitMigDevices")
	return found
}

func (m *machine) gpu(index int, d device.Device) gpu {
	var g gpu
	var r nvml.Return
	var err error
	g.Index = index
	g.UUID, r = d.GetUUID()
	m.must(r, "GetUUID")
	g.Name, r = d.GetName()
	m.must(r, "GetName")
	g.Serial, r = d.GetSerial()
	m.must(r, "GetSerial")
	g.Minor, r = d.GetMinorNumber()
	m.must(r, "GetMinorNumber")
	g.Bus, err = d.GetPCIBusID()
	m.fine(err, "GetPCIBusID")
	g.Capable, err = d.IsMigCapable()
	m.fine(err, "IsMigCapable")
	g.Mig, err = d.IsMigEnabled()
	m.fine(err, "IsMigEnabled")
	_, err = d.GetArchitectureAsString()
	m.fine(err, "GetArchitectureAsString")
	_, err = d.GetBrandAsString()
	m.fine(err, "GetBrandAsString")
	_, err = d.GetCudaComputeCapabilityAsString()
	m.fine(err, "GetCudaComputeCapabilityAsString")
	_, err = d.IsFabricAttached()
	m.fine(err, "IsFabricAttached")
	if !g.Capable {
		return g
	}
	g.Profiles = m.profiles(d)
	names, err := d.GetMigProfiles()
	m.fine(err, "GetMigProfiles")
	for _, name := range names {
		g.Names = append(g.Names, name.String())
	}
	if g.Mig {
		g.Instances = m.instances(d, g.Profiles)
		g.MigDevices = m.migs(d)
	}
	return g
}

func look(lib nvml.Interface) (m machine) {
	if !m.must(lib.Init(), "Init") {
		return m
	}
	defer func() { m.must(lib.Shutdown(), "Shutdown") }()
	var r nvml.Return
	m.Driver, r = lib.SystemGetDriverVersion()
	m.must(r, "SystemGetDriverVersion")
	devices := device.New(lib)
	err := devices.VisitDevices(func(index int, d device.Device) error {
		m.GPUs = append(m.GPUs, m.gpu(index, d))
		return nil
	})
	m.fine(err, "VisitDevices")
	return m
}

func main() {
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		os.Setenv("GPUSLICE_SIM", in.Text())
		m := look(nvml.New())
		if err := out.Encode(m); err != nil {
			fmt.Fprintln(os.Stderr, "walk:", err)
			os.Exit(1)
		}
	}
}
