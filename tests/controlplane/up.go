package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
)

// readyWithin bounds the start: a healthy one takes about three seconds on an idle machine.
const readyWithin = 2 * time.Minute

// up starts the whole control plane and stays until it is told to stop or a part of it dies.
func up(args []string) error {
	flags := flag.NewFlagSet("up", flag.ExitOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	dir := flags.String("dir", "", "folder for everything that is written")
	_ = flags.Parse(args)
	if *dir == "" || flags.NArg() != 0 {
		flags.Usage()
		os.Exit(2)
	}
	root, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}

	etcd, err := startEtcd(root)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer etcd.Close()

	access, err := writeAccess(root)
	if err != nil {
		return err
	}
	var running group
	defer running.stop()

	if err := running.start(root, "kube-apiserver", apiserverArgs(etcd.Clients[0].Addr().String(), access)); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(access.config)
	if err != nil {
		return err
	}
	if err := waitReady(ctx, client, &running); err != nil {
		return err
	}
	if err := running.start(root, "kube-controller-manager", controllerManagerArgs(access)); err != nil {
		return err
	}
	if err := running.start(root, "kube-scheduler", schedulerArgs(access)); err != nil {
		return err
	}
	if err := startKubelet(ctx, client); err != nil {
		return fmt.Errorf("kubelet loop: %w", err)
	}
	fmt.Println("ready", access.kubeconfig)

	select {
	case <-ctx.Done():
		return nil
	case err := <-running.died():
		return err
	}
}

// startEtcd runs one etcd member in this process, on ports that the system picks. It is thrown away
// after the tests, so it does not wait for the disk.
func startEtcd(root string) (*embed.Etcd, error) {
	loopback := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config := embed.NewConfig()
	config.Dir = filepath.Join(root, "etcd")
	config.UnsafeNoFsync = true
	config.EnableGRPCGateway = false
	config.LogLevel = "warn"
	config.LogOutputs = []string{filepath.Join(root, "etcd.log")}
	config.ListenClientUrls = []url.URL{loopback}
	config.AdvertiseClientUrls = []url.URL{loopback}
	config.ListenPeerUrls = []url.URL{loopback}
	config.AdvertisePeerUrls = []url.URL{loopback}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err := <-etcd.Err():
		etcd.Close()
		return nil, err
	case <-time.After(readyWithin):
		etcd.Close()
		return nil, errors.New("not ready in time")
	}
}

// access is how the parts and the tests reach the API server: a certificate made for this run and
// one token with every right.
type access struct {
	port                                     int
	certFile, keyFile, tokenFile, kubeconfig string
	config                                   *rest.Config
}

func writeAccess(root string) (*access, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	loopback := net.ParseIP("127.0.0.1")
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{loopback}, nil)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	token := hex.EncodeToString(secret)
	a := &access{
		port:       port,
		certFile:   filepath.Join(root, "apiserver.crt"),
		keyFile:    filepath.Join(root, "apiserver.key"),
		tokenFile:  filepath.Join(root, "tokens.csv"),
		kubeconfig: filepath.Join(root, "kubeconfig"),
	}
	server := fmt.Sprintf("https://127.0.0.1:%d", port)
	a.config = &rest.Config{
		Host: server, BearerToken: token, QPS: 200, Burst: 400,
		TLSClientConfig: rest.TLSClientConfig{CAData: certificate},
	}
	for file, content := range map[string][]byte{
		a.certFile:  certificate,
		a.keyFile:   key,
		a.tokenFile: []byte(token + ",admin,admin,system:masters\n"),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return nil, err
		}
	}
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["controlplane"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: certificate}
	kubeconfig.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: token}
	kubeconfig.Contexts["controlplane"] = &clientcmdapi.Context{Cluster: "controlplane", AuthInfo: "admin"}
	kubeconfig.CurrentContext = "controlplane"
	return a, clientcmd.WriteToFile(*kubeconfig, a.kubeconfig)
}

// freePort asks the system for a port. Another process can take it before the API server does; then
// the start fails and says so.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func apiserverArgs(etcd string, a *access) []string {
	return []string{
		"--etcd-servers=http://" + etcd,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", a.port),
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + a.certFile,
		"--tls-private-key-file=" + a.keyFile,
		"--token-auth-file=" + a.tokenFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://127.0.0.1",
		"--service-account-key-file=" + a.keyFile,
		"--service-account-signing-key-file=" + a.keyFile,
		"--service-cluster-ip-range=10.96.0.0/16",
		// No kubelet takes tokens into pods, and no controller takes the taint off the node.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--profiling=false",
	}
}

func controllerManagerArgs(a *access) []string {
	return []string{
		"--kubeconfig=" + a.kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--profiling=false",
		// The loop in kubelet.go owns the node; nothing here provisions volumes.
		"--controllers=*,-node-lifecycle-controller,-node-ipam-controller,-root-ca-certificate-publisher-controller",
		// The defaults suit a production cluster; tests wait for the outcome.
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--concurrent-gc-syncs=5",
	}
}

func schedulerArgs(a *access) []string {
	return []string{
		"--kubeconfig=" + a.kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--profiling=false",
		"--kube-api-qps=200", "--kube-api-burst=400",
	}
}

// waitReady returns once the API server says that it serves.
func waitReady(ctx context.Context, client kubernetes.Interface, running *group) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil {
			return nil
		}
		select {
		case died := <-running.died():
			return died
		case <-ctx.Done():
			return fmt.Errorf("the API server did not become ready: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// group is the child processes of this run.
type group struct {
	children []*child
	dead     chan error
}

type child struct {
	command  *exec.Cmd
	lifeline io.Closer
	done     chan struct{}
}

func (g *group) died() chan error {
	if g.dead == nil {
		// One slot per part: a part that ends never waits for a reader.
		g.dead = make(chan error, len(parts))
	}
	return g.dead
}

// start runs this binary again as one of the parts, its output in a log file below root.
func (g *group) start(root, name string, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	logFile := filepath.Join(root, name+".log")
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(self, append([]string{name}, args...)...)
	command.Dir = root
	command.Stdout, command.Stderr = log, log
	// An interrupt from the terminal goes to the whole process group; only this process acts on it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	lifeline, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	c := &child{command: command, lifeline: lifeline, done: make(chan struct{})}
	g.children = append(g.children, c)
	dead := g.died()
	go func() {
		err := command.Wait()
		close(c.done)
		dead <- fmt.Errorf("%s ended (%v): see %s", name, err, logFile)
	}()
	return nil
}

// stop ends the parts, the last started first. They hold nothing worth a graceful end: closing the
// lifeline makes them exit at once.
func (g *group) stop() {
	for i := len(g.children) - 1; i >= 0; i-- {
		c := g.children[i]
		_ = c.lifeline.Close()
		select {
		case <-c.done:
		case <-time.After(5 * time.Second):
			_ = c.command.Process.Kill()
			<-c.done
		}
	}
}
