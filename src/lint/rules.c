#include "lint/rules.h"

#define EKS_MIG "awsdocs/amazon-eks-user-guide:latest/ug/ml/device-management-nvidia-mig.adoc"
#define OVERLAYS "aws/karpenter-provider-aws:website/content/en/docs/concepts/nodeoverlays.md"
#define NODE_POOL "kubernetes-sigs/karpenter:pkg/apis/v1/nodepool.go"
#define NODE_CLASS "aws/karpenter-provider-aws:pkg/apis/v1/ec2nodeclass.go"
#define PLUGIN "NVIDIA/k8s-device-plugin:cmd/nvidia-device-plugin/main.go"

const struct gs_lint_rule gs_lint_rules[GS_LINT_RULES] = {
    [GS_LINT_UNREADABLE] =
        {"GS001", GS_LINT_NOTE, "this is no YAML that can be read",
         "A template, or a mistake in the syntax: nothing behind this place was looked at.",
         "the rendered manifest (helm template)", NULL},
    [GS_LINT_GPU_AND_SLICE] =
        {"GS101", GS_LINT_ERROR, "a container asks for a whole GPU and for a slice",
         "That is both at once. Where all GPUs are cut there is no whole one, and the pod waits for "
         "ever.",
         "with the mixed strategy only nvidia.com/mig-...; with the single strategy only "
         "nvidia.com/gpu",
         EKS_MIG},
    [GS_LINT_NO_SUCH_PROFILE] =
        {"GS102", GS_LINT_ERROR, "no GPU has such a slice",
         "Profiles are fixed by NVIDIA for each GPU; nothing ever offers this resource.",
         "a profile that gpuslice profiles lists", NULL},
    [GS_LINT_NO_IMAGE] = {"GS103", GS_LINT_ERROR, "a container has no image",
                          "The API server refuses such a pod.", "image: NAME:TAG", NULL},
    [GS_LINT_CUDA_TAG] =
        {"GS104", GS_LINT_ERROR, "there is no such tag of nvidia/cuda",
         "Its tags carry the patch level and the operating system, and there is no latest.",
         "nvidia/cuda:12.6.0-base-ubuntu22.04", EKS_MIG},
    [GS_LINT_PLACEHOLDER] = {"GS105", GS_LINT_ERROR, "a placeholder stands where an image belongs",
                             "The API server takes it, and no node can pull it.",
                             "an image by name and tag", PLUGIN},
    [GS_LINT_PROFILE_LABEL] =
        {"GS106", GS_LINT_ERROR, "nothing sets or reads the label nvidia.com/mig.profile",
         "No component knows it. As a selector it finds no node; as a label or requirement of a "
         "node pool it is copied to nodes, slices nothing and adds no capacity.",
         "to choose a layout the label nvidia.com/mig.config; to find nodes "
         "nvidia.com/mig-PROFILE.count",
         EKS_MIG},
    [GS_LINT_PLUGIN_FLAG] =
        {"GS111", GS_LINT_ERROR, "the device plugin has no such flag",
         "It ends at once with a usage error.",
         "--mig-strategy=mixed or MIG_STRATEGY; the Helm chart's value is migStrategy", PLUGIN},
    [GS_LINT_NO_SELECTOR] =
        {"GS112", GS_LINT_ERROR, "a DaemonSet selects no pods",
         "spec.selector is required and has to match the labels of the template.",
         "spec.selector.matchLabels and the same labels under template.metadata", NULL},
    [GS_LINT_PLUGIN_NO_SOCKETS] =
        {"GS113", GS_LINT_ERROR, "the device plugin cannot reach the kubelet",
         "It registers by a socket in /var/lib/kubelet/device-plugins, which has to be mounted.",
         "a hostPath volume for it, mounted at the same path", PLUGIN},
    [GS_LINT_PLUGIN_NO_TOLERATIONS] =
        {"GS114", GS_LINT_WARNING, "the device plugin tolerates no taints",
         "GPU nodes are tainted as a rule, and a startup taint goes only once the plugin runs: it "
         "would wait for itself.",
         "tolerations: [{operator: Exists}]", PLUGIN},
    [GS_LINT_STRATEGY_VALUE] = {"GS115", GS_LINT_ERROR, "there is no such MIG strategy",
                                "A device plugin knows none, single and mixed.",
                                "mixed (a resource for each profile) or single", PLUGIN},
    [GS_LINT_PROVISIONER] =
        {"GS121", GS_LINT_ERROR, "the kind Provisioner is gone",
         "Karpenter's API is karpenter.sh/v1 since 1.0; v1alpha5 is no longer served.",
         "kind: NodePool, with nodeClassRef", NODE_POOL},
    [GS_LINT_AWS_NODE_TEMPLATE] =
        {"GS122", GS_LINT_ERROR, "the kind AWSNodeTemplate is gone",
         "EC2NodeClass took its place. Nothing in either makes Karpenter know slices.",
         "apiVersion: karpenter.k8s.aws/v1, kind: EC2NodeClass", NODE_CLASS},
    [GS_LINT_NODE_TEMPLATE] =
        {"GS123", GS_LINT_ERROR, "there never was such a NodeTemplate",
         "node.k8s.io holds RuntimeClass and nothing else; Karpenter has never read this.",
         "a NodePool, a NodeOverlay and an EC2NodeClass", NODE_POOL},
    [GS_LINT_OLD_LIMITS] =
        {"GS124", GS_LINT_ERROR, "limits have no field resources",
         "spec.limits is a plain map of resources. A limit of GPUs counts whole nodes (100 in nodes "
         "of 8 are 12), and none where an overlay says that no GPU is left whole.",
         "spec.limits: {nodes: \"12\"}", NODE_POOL},
    [GS_LINT_NO_OVERLAY] =
        {"GS125", GS_LINT_ERROR, "Karpenter does not know that these nodes have slices",
         "It knows nvidia.com/gpu only: a pod that asks for a slice never starts a node, unless a "
         "NodeOverlay adds that resource to the instance type.",
         "a NodeOverlay for each node pool and instance type (feature gate NodeOverlay)", OVERLAYS},
    [GS_LINT_NO_FIELD] = {"GS126", GS_LINT_ERROR, "a node class has no field instanceTypes",
                          "Types are chosen by the node pool.",
                          "a requirement on node.kubernetes.io/instance-type", NODE_CLASS},
    [GS_LINT_AL2] = {"GS127", GS_LINT_ERROR, "there is no Amazon Linux 2 image for EKS any more",
                     "New versions of Kubernetes have none.", "al2023 or bottlerocket", NODE_CLASS},
    [GS_LINT_OLD_SELECTORS] = {"GS128", GS_LINT_ERROR, "selectors have become lists of terms",
                               "subnetSelector, securityGroupSelector and amiSelector are not in "
                               "v1.",
                               "subnetSelectorTerms: [{tags: {...}}] and so on", NODE_CLASS},
    [GS_LINT_NODE_LABELS] =
        {"GS129", GS_LINT_ERROR, "node-labels is a table, not a text",
         "Bottlerocket refuses settings that are not of their type, and the node does not join.",
         "[settings.kubernetes.node-labels] with \"key\" = \"value\"",
         "aws/karpenter-provider-aws:pkg/providers/amifamily/bootstrap/bottlerocket.go"},
    [GS_LINT_BOTTLEROCKET_MIXED] =
        {"GS130", GS_LINT_ERROR, "Bottlerocket does not offer slices by their profile",
         "It has the single strategy only: its slices are nvidia.com/gpu, and pods that ask for "
         "nvidia.com/mig-... never run there.",
         "AL2023 with gpuslice-boot, or pods that ask for nvidia.com/gpu",
         "bottlerocket-os/bottlerocket#4483"},
    [GS_LINT_NOT_NVIDIA] =
        {"GS131", GS_LINT_ERROR, "this instance type has no GPU of NVIDIA's",
         "Trainium, Inferentia and Gaudi know no MIG; trn1n offers aws.amazon.com/neuron.",
         "p4d, p4de, p5, p5e, p5en, p6, g7 or g7e",
         "aws/karpenter-provider-aws:pkg/apis/v1/labels.go"},
    [GS_LINT_LAUNCH_TEMPLATE] =
        {"GS132", GS_LINT_WARNING, "Karpenter takes no launch templates, and no GPU stays cut",
         "A custom image is chosen by amiSelectorTerms. A layout does not outlive a reboot, so that "
         "it has to be made at each boot.",
         "an EC2NodeClass with amiSelectorTerms and userData",
         "aws/karpenter-provider-aws:designs/unmanaged-launch-template-removal.md"},
    [GS_LINT_DRIVER_INSTALL] =
        {"GS141", GS_LINT_ERROR, "a driver is installed on a node that has one",
         "EKS images are Amazon Linux (dnf, no apt-get) or Bottlerocket, with the driver inside.",
         "nothing: the NVIDIA variant of the image", "awslabs/amazon-eks-ami:CHANGELOG.md"},
    [GS_LINT_AFTER_REBOOT] =
        {"GS142", GS_LINT_ERROR, "what follows a reboot in user data never runs",
         "cloud-init runs user scripts once an instance: the next boot skips them.",
         "a systemd unit that runs at every boot before the kubelet, as gpuslice-boot's", NULL},
    [GS_LINT_CREATE_INSTANCES] =
        {"GS143", GS_LINT_ERROR, "this makes no slices that anything could use",
         "-cgi takes a list of profiles, one for each instance, and makes no compute instances "
         "without -C; MIG mode has to be on before.",
         "nvidia-smi -i 0 -mig 1; nvidia-smi mig -i 0 -cgi 1g.5gb,1g.5gb,1g.5gb -C", EKS_MIG},
    [GS_LINT_SMI_NO_SUCH_FORM] = {"GS144", GS_LINT_ERROR, "nvidia-smi mig has no -g",
                                  "-i is the GPU and -gi the GPU instance.",
                                  "nvidia-smi mig -i 0 -lgi", NULL},
    [GS_LINT_SMI_LIST] = {"GS145", GS_LINT_ERROR, "nvidia-smi mig has no -li",
                          "GPU instances and compute instances are listed each by itself.",
                          "nvidia-smi mig -lgi, nvidia-smi mig -lci, or nvidia-smi -L", NULL},
    [GS_LINT_GREP_SLICES] = {"GS146", GS_LINT_NOTE, "this finds nothing under the single strategy",
                             "Slices are nvidia.com/gpu there.", "grep nvidia.com/", EKS_MIG},
    [GS_LINT_TWO_OPERATORS] =
        {"GS147", GS_LINT_ERROR, "a release of the GPU operator with a name that nobody knows",
         "The next helm upgrade --install gpu-operator is a second release: two operators fight "
         "over each node.",
         "one release, by name: helm install gpu-operator ...", NULL},
    [GS_LINT_OPERATOR_DRIVER] = {"GS148", GS_LINT_WARNING,
                                 "the GPU operator brings a driver and a toolkit of its own",
                                 "EKS images for GPUs hold both.",
                                 "driver.enabled=false, toolkit.enabled=false", EKS_MIG},
    [GS_LINT_STRATEGY_CUTS_NOTHING] =
        {"GS149", GS_LINT_WARNING, "mig.strategy cuts no GPU",
         "It only says how slices are offered. The cutting is done by mig-manager on nodes with the "
         "label nvidia.com/mig.config, which on Amazon Linux 2023 with Karpenter can leave a node "
         "NotReady for good, or by a step before the kubelet.",
         "gpuslice-boot with migManager.enabled=false, or migManager and the label",
         "NVIDIA/gpu-operator#2415"},
    [GS_LINT_POOL_VERSION] = {"GS151", GS_LINT_ERROR, "a SlicePool of another API version",
                              "There is one so far; the API server knows no other.",
                              "gpuslice.dev/v1alpha1", NULL},
    [GS_LINT_POOL_FIELD] =
        {"GS152", GS_LINT_ERROR, "a SlicePool has no such field",
         "kubectl refuses it; for other clients the API server drops it, and what it asks for does "
         "not happen.",
         "a field that kubectl explain slicepool.spec has", NULL},
    [GS_LINT_POOL_VALUE] = {"GS153", GS_LINT_ERROR, "a field of a SlicePool cannot have this value",
                            "The API server refuses the object.",
                            "a value that kubectl explain slicepool.spec has", NULL},
    [GS_LINT_POOL_TYPE] =
        {"GS154", GS_LINT_ERROR, "no instance type with GPUs of NVIDIA's has this name",
         "Nothing is known of its GPUs and its price: no node of it is bought, and the SlicePool is "
         "not Ready.",
         "a type such as p4d.24xlarge", NULL},
    [GS_LINT_POOL_NOT_CUT] =
        {"GS155", GS_LINT_WARNING, "the GPUs of this instance type cannot be cut",
         "They have no MIG. Pods get them whole, and no pod that asks for a slice gets one there.",
         "a type whose GPUs have MIG: gpuslice profiles lists them", NULL},
    [GS_LINT_POOL_PROFILE] =
        {"GS156", GS_LINT_ERROR, "none of the SlicePool's instance types makes this profile",
         "Profiles are fixed by NVIDIA for each GPU. The rest is served; pods that ask for this one "
         "wait, and the SlicePool is not Ready.",
         "a profile of their GPUs: gpuslice profiles lists them", NULL},
    [GS_LINT_POOL_ZONE] =
        {"GS157", GS_LINT_ERROR, "no node can be in such a zone",
         "Zones are compared with the label topology.kubernetes.io/zone, which has the zone's name; "
         "where none is as it says, Karpenter launches nothing.",
         "names of zones of one region: us-east-1a", NULL},
    [GS_LINT_POOL_LIMIT] =
        {"GS158", GS_LINT_ERROR, "a limit below one node",
         "Not even one node is within it, so that nothing is ever bought.",
         "the GPUs and the dollars an hour of one node at least, or 0 where nothing is to be bought",
         NULL},
    [GS_LINT_POOL_WARM] = {"GS159", GS_LINT_ERROR, "a warm profile is not among the profiles",
                           "The API server refuses the object.",
                           "the profile under profiles too, or not under warm", NULL},
    [GS_LINT_POOL_SPOT] = {"GS160", GS_LINT_WARNING, "spotPercent counts for nothing here",
                           "Where a node may be on demand, limits have to hold at that price.",
                           "capacityTypes: [spot], or no spotPercent", NULL},
    [GS_LINT_POOL_LACKS] = {"GS161", GS_LINT_ERROR,
                            "a field that a SlicePool has to have is missing",
                            "The API server refuses the object.",
                            "the fields that kubectl explain slicepool.spec calls required", NULL},
    [GS_LINT_POOL_TWICE] =
        {"GS162", GS_LINT_ERROR, "something stands twice in a SlicePool",
         "Of a key that stands twice only one counts, or the client refuses it; of lists with a "
         "value twice the API server refuses the object.",
         "each key and each value once", NULL},
    [GS_LINT_SAYS_SAVES] =
        {"GS201", GS_LINT_WARNING, "savings without a source",
         "What is saved depends on prices and on how many slices are filled: a slice is cheaper "
         "than a small whole GPU only where most are.",
         "what gpuslice plan computes", NULL},
    [GS_LINT_SAYS_AT_ONCE] =
        {"GS202", GS_LINT_WARNING, "jobs start at once only where a slice is free",
         "Else a node has to boot, be cut (on A100 with a reboot) and register.",
         "say where a slice is free, or keep warm ones", NULL},
    [GS_LINT_SAYS_KARPENTER_SLICES] =
        {"GS203", GS_LINT_ERROR, "Karpenter does not provision slices by itself",
         "It knows nvidia.com/gpu only. A NodeOverlay adds a slice to an instance type, a step at "
         "boot cuts the GPUs, a startup taint holds pods off until they are.",
         "a NodePool with a NodeOverlay, a startup taint and gpuslice-boot", OVERLAYS},
    [GS_LINT_SAYS_SHARED_BANDWIDTH] =
        {"GS204", GS_LINT_ERROR, "slices do not share memory bandwidth",
         "MIG gives each its own memory, bandwidth and SMs; time-slicing shares them.",
         "a slice is slower as it has fewer SMs", EKS_MIG},
    [GS_LINT_SAYS_FRAMEWORKS] =
        {"GS205", GS_LINT_WARNING, "frameworks need no support of MIG",
         "CUDA programs run unchanged in one slice. NCCL and peer-to-peer copies do not work "
         "between slices.",
         "name NCCL and peer-to-peer as the limits", EKS_MIG},
    [GS_LINT_SAYS_MODELS] =
        {"GS206", GS_LINT_ERROR, "the list of GPUs with MIG is not so",
         "On AWS: A100, H100, H200, B200, B300, GB200, RTX PRO 4500 and 6000. AWS has no A30 and no "
         "H800.",
         "p4d, p4de, p5, p5e, p5en, p6, p6e, g7, g7e", EKS_MIG},
    [GS_LINT_SAYS_DRIVER] =
        {"GS207", GS_LINT_WARNING, "a driver version of long ago",
         "EKS images ship 580 and newer; g7 needs 595 and an image of one's own.",
         "the driver of the EKS image", "awslabs/amazon-eks-ami:CHANGELOG.md"},
    [GS_LINT_SAYS_PLUGIN_VERSION] = {"GS208", GS_LINT_ERROR, "the device plugin has no version 1",
                                     "Its versions are v0.x: v0.14.1 exists, v0.20.0 is newer.",
                                     "v0.14.1 or newer", PLUGIN},
    [GS_LINT_SAYS_BY_HAND] =
        {"GS209", GS_LINT_ERROR, "GPUs of a live node are cut by hand",
         "MIG wants idle GPUs and a reset or reboot, and nodes of Karpenter are replaced: no hand "
         "work survives.",
         "a step at boot", EKS_MIG},
    [GS_LINT_SAYS_SLICES_A_GPU] = {"GS210", GS_LINT_WARNING,
                                   "a best number of slices without a source",
                                   "It depends on the workload.",
                                   "measure the workload on the profile", EKS_MIG},
    [GS_LINT_SAYS_OVERSUBSCRIBED] =
        {"GS211", GS_LINT_WARNING, "slices cannot be oversubscribed by the scheduler",
         "They are exclusive devices. Several processes share one by MPS; time-slicing has no "
         "effect on a slice.",
         "MPS where one slice is to be shared", EKS_MIG},
    [GS_LINT_SAYS_DASHBOARDS] =
        {"GS212", GS_LINT_WARNING, "neither shows what slices cost",
         "Karpenter has Prometheus metrics and Grafana boards for nodes; CloudWatch folds the "
         "slices of a GPU into one.",
         "the metrics of gpuslice-agent, with Karpenter's for nodes",
         "aws/amazon-cloudwatch-agent:plugins/processors/gpuattributes"},
    [GS_LINT_SAYS_VGPU] =
        {"GS213", GS_LINT_ERROR, "a slice is no vGPU",
         "vGPU is NVIDIA's licensed product for hypervisors (AWS g6f); a MIG instance is a part of "
         "the hardware.",
         "MIG instance, or slice", OVERLAYS},
    [GS_LINT_SAYS_FULLY_USED] =
        {"GS214", GS_LINT_WARNING, "slicing does not fill a GPU",
         "Slices that fit no pod, profiles larger than needed and boot times remain.",
         "raises the use; gpuslice plan shows what is left", NULL},
    [GS_LINT_SAYS_OPERATOR_NEEDED] =
        {"GS215", GS_LINT_ERROR, "the GPU operator is not needed",
         "The device plugin and a step that cuts can run without it; EKS images hold driver and "
         "toolkit.",
         "gpuslice-agent with gpuslice-boot, or the operator as one way", EKS_MIG},
    [GS_LINT_SAYS_KUBERNETES] =
        {"GS216", GS_LINT_ERROR, "a version of Kubernetes of long ago",
         "Karpenter 1.14 works with 1.26 to 1.36, and EKS images are listed for 1.34 to 1.36.",
         "1.34 or later",
         "aws/karpenter-provider-aws:hack/docs/compatibilitymatrix_gen/compatibility.yaml"},
    [GS_LINT_SAYS_ENABLES_MIG] =
        {"GS217", GS_LINT_ERROR, "a strategy or a plugin does not enable MIG",
         "They say how slices are offered, and cut nothing.",
         "a step at boot, or mig-manager with the label nvidia.com/mig.config", EKS_MIG},
    [GS_LINT_SAYS_SLICE_SIZE] =
        {"GS218", GS_LINT_WARNING, "a slice's name is read wrongly",
         "1g.5gb is one of seven compute slices, with 5 GB, on the 40 GB A100; on the 80 GB one it "
         "is 1g.10gb.",
         "one compute slice with 5 GB", EKS_MIG},
};

const char *gs_lint_severity_name(enum gs_lint_severity severity)
{
    switch (severity) {
    case GS_LINT_ERROR:
        return "error";
    case GS_LINT_WARNING:
        return "warning";
    case GS_LINT_NOTE:
        return "note";
    }
    return "";
}
