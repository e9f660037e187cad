package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// nodeName is the one node of the cluster.
const nodeName = "node-1"

// retryAfter is how soon a pod whose update failed is looked at again.
const retryAfter = 2 * time.Second

// kubelet plays the part of every kubelet: it reports what a healthy node would, and runs nothing.
// Pods of Jobs (those that are not restarted for ever) succeed at once, the others run and are ready.
type kubelet struct {
	client kubernetes.Interface
	lock   sync.Mutex
	nextIP int
}

// startKubelet creates the node and settles pods until ctx ends.
func startKubelet(ctx context.Context, client kubernetes.Interface) error {
	k := &kubelet{client: client}
	if err := k.createNode(ctx); err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, retryAfter)
	pods := factory.Core().V1().Pods().Informer()
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { k.settle(ctx, obj) },
		UpdateFunc: func(_, obj any) { k.settle(ctx, obj) },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), pods.HasSynced) {
		return fmt.Errorf("the list of pods did not arrive")
	}
	return nil
}

func (k *kubelet) createNode(ctx context.Context) error {
	now := metav1.Now()
	room := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("1000"),
		corev1.ResourceMemory:           resource.MustParse("4Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("4Ti"),
		corev1.ResourcePods:             resource.MustParse("10000"),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: nodeName,
			Labels: map[string]string{
				corev1.LabelHostname:   nodeName,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: "amd64",
			},
		},
		Status: corev1.NodeStatus{
			Capacity:    room,
			Allocatable: room,
			Addresses:   []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
				LastHeartbeatTime: now, LastTransitionTime: now,
			}},
		},
	}
	// Everything about a node can be given at its creation, the status too.
	_, err := k.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// settle moves one pod to where a kubelet would bring it. A failed write is tried again at the next
// resync; a pod that is where it should be is left alone.
func (k *kubelet) settle(ctx context.Context, obj any) {
	pod, ok := obj.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" {
		return
	}
	pods := k.client.CoreV1().Pods(pod.Namespace)
	if pod.DeletionTimestamp != nil {
		now := int64(0)
		_ = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
		})
		return
	}
	if pod.Status.Phase != corev1.PodPending {
		return
	}
	status, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status":   k.settled(pod),
	})
	if err == nil {
		_, _ = pods.Patch(ctx, pod.Name, types.StrategicMergePatchType, status, metav1.PatchOptions{}, "status")
	}
}

// settled is the status of a pod after its containers were started (or have done their work).
func (k *kubelet) settled(pod *corev1.Pod) corev1.PodStatus {
	now := metav1.Now()
	finished := pod.Spec.RestartPolicy != corev1.RestartPolicyAlways
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		Reason: "Completed", StartedAt: now, FinishedAt: now,
	}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}

	status := corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &now, HostIP: "127.0.0.1", PodIP: k.podIP()}
	status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	state, ready, reason := running, corev1.ConditionTrue, ""
	if finished {
		status.Phase, state, ready, reason = corev1.PodSucceeded, ended, corev1.ConditionFalse, "PodCompleted"
	}
	for _, c := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, containerStatus(c, ended, true))
	}
	for _, c := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(c, state, !finished))
	}
	for _, condition := range []corev1.PodCondition{
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
		{Type: corev1.ContainersReady, Status: ready, Reason: reason},
		{Type: corev1.PodReady, Status: ready, Reason: reason},
	} {
		condition.LastTransitionTime = now
		status.Conditions = append(status.Conditions, condition)
	}
	return status
}

func containerStatus(c corev1.Container, state corev1.ContainerState, ready bool) corev1.ContainerStatus {
	started := state.Running != nil
	return corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, ImageID: c.Image, State: state, Ready: ready, Started: &started,
	}
}

// podIP gives each pod an address of its own; nothing listens there.
func (k *kubelet) podIP() string {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.nextIP++
	return fmt.Sprintf("10.244.%d.%d", k.nextIP/250%250, k.nextIP%250+1)
}
