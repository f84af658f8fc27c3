// A gRPC client and server that are not ours: grpc-go, with the kubelet's own messages.
//
//	peer check SOCKET          tries a device plugin (plugin_server, started with 7 devices); prints TAP
//	peer bench SOCKET CALLS    times Allocate; prints a line of JSON
//	peer serve SOCKET DEVICES  a device plugin like plugin_server, to compare with
//	peer kubelet SOCKET        Registration and pod-resources, as a kubelet has them, for our client
package main

import (
	"fmt"
	"os"
	"strconv"
)

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		fail(err)
	}
	return n
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	args := append(os.Args[1:], "", "", "")
	switch args[0] {
	case "check":
		check(args[1])
	case "bench":
		bench(args[1], number(args[2]))
	case "serve":
		serve(args[1], number(args[2]))
	case "kubelet":
		kubelet(args[1])
	default:
		fail(fmt.Errorf("usage: peer check|bench|serve|kubelet SOCKET [NUMBER]"))
	}
}
