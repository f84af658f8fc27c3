package main

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// As many calls can be under way at a time; the schedule holds as long as no more are.
const callers = 16

type timing struct {
	sent, answered float64 // microseconds since the time on the schedule
}

func sleepUntil(at int64) {
	t := unix.NsecToTimespec(at)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &t, nil) == unix.EINTR {
	}
}

// Calls number `first`, `first` + callers, ... of the schedule. A call that cannot be made in time is made
// as soon as it can, and its wait counts: no answer that comes late makes a later call look quick.
func calls(client api.DevicePluginClient, ids []string, begin, interval int64, first, count int, took []timing) {
	runtime.LockOSThread()
	// The kernel wakes a sleeper up to 50 us late otherwise, to save power.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		fail(err)
	}
	for i := first; i < count; i += callers {
		due := begin + int64(i)*interval
		sleepUntil(due)
		sent := now()
		if _, err := allocate(client, ids[i%len(ids):i%len(ids)+1]); err != nil {
			fail(err)
		}
		took[i] = timing{float64(sent-due) / 1000, float64(now()-due) / 1000}
	}
}

// Of sorted figures.
func at(sorted []float64, share float64) float64 {
	return sorted[int(share*float64(len(sorted)-1))]
}

func load(socket string, rate, seconds int, ids []string) {
	// A caller that sleeps keeps its P until sysmon takes it back, which looks every 10 ms: without others to spare,
	// an answer that has come is not read before.
	runtime.GOMAXPROCS(callers + 4)
	conn := dial(socket)
	defer conn.Close()
	client := api.NewDevicePluginClient(conn)
	for i := range 200 { // connected, and both sides are warm
		if _, err := allocate(client, ids[i%len(ids):i%len(ids)+1]); err != nil {
			fail(err)
		}
	}
	runtime.GC()
	debug.SetGCPercent(-1) // of ours; a pause here would be taken for the server's
	count, interval := rate*seconds, int64(1e9)/int64(rate)
	took := make([]timing, count)
	begin := now() + 50e6
	var group sync.WaitGroup
	for first := range callers {
		group.Add(1)
		go func() {
			defer group.Done()
			calls(client, ids, begin, interval, first, count, took)
		}()
	}
	group.Wait()
	ended := now()
	var whole, call, late []float64
	for _, t := range took {
		whole = append(whole, t.answered)
		call = append(call, t.answered-t.sent)
		late = append(late, t.sent)
	}
	slices.Sort(whole)
	slices.Sort(call)
	slices.Sort(late)
	figures := map[string]float64{
		"calls": float64(count), "rate": float64(count) / (float64(ended-begin) / 1e9),
		"p50_us": at(call, 0.5), "p90_us": at(call, 0.9), "p99_us": at(call, 0.99), "p999_us": at(call, 0.999), "max_us": at(call, 1),
		"scheduled_p50_us": at(whole, 0.5), "scheduled_p99_us": at(whole, 0.99),
		"late_p50_us": at(late, 0.5), "late_p99_us": at(late, 0.99),
	}
	if err := json.NewEncoder(os.Stdout).Encode(figures); err != nil {
		fail(err)
	}
}
