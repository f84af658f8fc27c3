// Karpenter with its kwok provider, as it is published, but for a cloud that has nothing left of
// some instance types: those that are named, one a line, in the file $SCARCE_TYPES. Launching one of
// them fails as it does on AWS; other than there, it is tried again at once.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/log"

	kwok "sigs.k8s.io/karpenter/kwok/cloudprovider"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	"sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"
)

type scarceCloud struct {
	*kwok.CloudProvider
}

func missing(claim *v1.NodeClaim) string {
	text, err := os.ReadFile(os.Getenv("SCARCE_TYPES"))
	if err != nil {
		return ""
	}
	for _, need := range claim.Spec.Requirements {
		for _, value := range need.Values {
			if need.Key == "node.kubernetes.io/instance-type" &&
				strings.Contains("\n"+string(text)+"\n", "\n"+value+"\n") {
				return value
			}
		}
	}
	return ""
}

func (c scarceCloud) Create(ctx context.Context, claim *v1.NodeClaim) (*v1.NodeClaim, error) {
	if name := missing(claim); name != "" {
		return nil, cloudprovider.NewInsufficientCapacityError(fmt.Errorf(
			"with fleet error(s), InsufficientInstanceCapacity: We currently do not have sufficient "+
				"%s capacity in the Availability Zone you requested", name))
	}
	return c.CloudProvider.Create(ctx, claim)
}

func main() {
	ctx, op := operator.NewOperator()
	types, err := kwok.ConstructInstanceTypes(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "failed constructing instance types")
		os.Exit(1)
	}
	plain := scarceCloud{kwok.NewCloudProvider(ctx, op.GetClient(), types)}
	cloud := overlay.Decorate(plain, op.GetClient(), op.InstanceTypeStore)
	cluster := state.NewCluster(op.Clock, op.GetClient(), cloud)
	op.WithControllers(ctx, controllers.NewControllers(ctx, op.Manager, op.Clock, op.GetClient(),
		op.EventRecorder, cloud, plain, cluster, op.InstanceTypeStore)...).Start(ctx)
}
