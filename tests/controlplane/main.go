// Command controlplane is a real Kubernetes control plane in one binary, for tests.
//
// It holds etcd, kube-apiserver, kube-controller-manager and kube-scheduler, all imported as Go
// modules, and a small loop in place of a kubelet. `controlplane up --dir DIR` starts all of them on
// 127.0.0.1; the other sub-commands are the parts, which `up` starts by running this binary again,
// because Kubernetes keeps process-wide state that two of its components cannot share.
//
// Tested by `cargo xtask e2e`, which builds and drives it.
package main

import (
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // CronJobs name time zones

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

const usage = `usage: controlplane up --dir DIR

Starts etcd, kube-apiserver, kube-controller-manager, kube-scheduler and a stand-in for the kubelet
on 127.0.0.1, with everything they write below DIR, and prints "ready DIR/kubeconfig" once they serve.
SIGTERM or SIGINT stops them all; so does the end of standard input where that is a pipe.
`

// parts are the components that need a process of their own.
var parts = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = append([]string{name}, os.Args[2:]...)
	if part, ok := parts[name]; ok {
		// The parent holds the other end of standard input: when it is gone, however it
		// ended, there is nobody left to serve.
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		os.Exit(cli.Run(part()))
	}
	if name != "up" {
		fmt.Fprintf(os.Stderr, "unknown sub-command %q\n%s", name, usage)
		os.Exit(2)
	}
	if err := up(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}
