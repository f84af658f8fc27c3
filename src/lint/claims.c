#include "lint/claims.h"

#include "base/cleanup.h"

/* No text may hold a phrase of the same rule, or correcting would not come to an end. */
const struct gs_lint_claim gs_lint_claims[] = {
    {GS_LINT_SAYS_SAVES, "reduc*|sav*|cut|cuts|lower* ~ cost* [ by ~ # - # % ]",
     GS_LINT_CLAIM_WORDS, "by what `gpuslice plan` computes from prices and measured use"},
    {GS_LINT_SAYS_SAVES, "sav* [ # - # % ] ~ cost*", GS_LINT_CLAIM_WORDS,
     "what `gpuslice plan` computes"},
    {GS_LINT_SAYS_AT_ONCE, "job*|workload*|pod* start* immediately|instantly",
     GS_LINT_CLAIM_SENTENCE,
     "Smaller jobs start at once where a slice is free; else a node has to boot, be cut and "
     "register first"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "automatically provision*|launch*|scale* ~ node* ~ mig|slice*",
     GS_LINT_CLAIM_SENTENCE,
     "Karpenter starts nodes for slices once a NodeOverlay says how many an instance type has and "
     "a step at boot cuts them"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "auto-provision* node* ~ mig|slice*", GS_LINT_CLAIM_SENTENCE,
     "Karpenter starts nodes for slices once a NodeOverlay says how many an instance type has and "
     "a step at boot cuts them"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "configur* karpenter to provision", GS_LINT_CLAIM_SENTENCE,
     "With a NodePool, a NodeOverlay that says how many slices an instance type has, and a step at "
     "boot that cuts the GPUs, Karpenter starts nodes for slices"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "karpenter provision* nodes as|when demand",
     GS_LINT_CLAIM_SENTENCE,
     "A NodeOverlay for each layout, a startup taint and the step at boot let "
     "Karpenter follow the demand for slices"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "karpenter ~ recognize|recognise mig", GS_LINT_CLAIM_SENTENCE,
     "The NodeOverlay above tells Karpenter of the slices; its node class"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "[ update karpenter provisioner ] to support",
     GS_LINT_CLAIM_WORDS, "Give Karpenter a NodePool and a NodeOverlay"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "with [ karpenter templates ]", GS_LINT_CLAIM_WORDS,
     "a NodePool, a NodeOverlay and an EC2NodeClass"},
    {GS_LINT_SAYS_KARPENTER_SLICES, "paired with [ karpenter ] it ~ scaling of mig|gpu",
     GS_LINT_CLAIM_WORDS,
     "**Karpenter, a NodeOverlay for each layout and a step that cuts the GPUs at boot**"},
    {GS_LINT_PROVISIONER, "[ karpenter provisioner* ]", GS_LINT_CLAIM_WORDS, "Karpenter NodePool"},
    {GS_LINT_NODE_TEMPLATE, "[ karpenter node templates ]", GS_LINT_CLAIM_WORDS,
     "a Karpenter NodePool"},
    {GS_LINT_SAYS_SHARED_BANDWIDTH, "throughput ~~ [ due|because ~~ shar* ~~ bandwidth ]",
     GS_LINT_CLAIM_WORDS, "because a slice has fewer SMs; its memory and bandwidth are its own"},
    {GS_LINT_SAYS_FRAMEWORKS, "not all ~ framework* ~ support mig", GS_LINT_CLAIM_SENTENCE,
     "CUDA programs run unchanged in one slice; what does not work is NCCL and GPU-to-GPU copies "
     "between slices"},
    {GS_LINT_SAYS_MODELS, "support* only on ~ a100", GS_LINT_CLAIM_SENTENCE,
     "On AWS these can be cut: A100 (`p4d`, `p4de`), H100 (`p5`), H200 (`p5e`, `p5en`), B200 and "
     "B300 (`p6`), GB200 (`p6e`), RTX PRO 4500 (`g7`) and RTX PRO 6000 (`g7e`)"},
    {GS_LINT_SAYS_MODELS, "support mig ~~ [ a100 a30 ]", GS_LINT_CLAIM_WORDS,
     "A100, H100, H200, B200, B300, GB200, RTX PRO 4500 or RTX PRO 6000; AWS has no A30"},
    {GS_LINT_NOT_NVIDIA,
     "nvidia|gpu|gpus|a100|h100|a100/h100 ~~ [ trn1.*|trn1n.*|trn2.*|inf1.*|inf2.*|dl1.* ]",
     GS_LINT_CLAIM_WORDS, "`p5.48xlarge`"},
    {GS_LINT_SAYS_DRIVER, "nvidia driver* ~~ 450.*|460.*|470.*|510.*|515.*|520.*|525.*|530.*",
     GS_LINT_CLAIM_SENTENCE,
     "The EKS AMI holds a driver that can do MIG (AL2023 for Kubernetes 1.36: 580.159.03); `g7` "
     "needs 595 or newer and an image of your own"},
    {GS_LINT_SAYS_PLUGIN_VERSION, "nvidia device plugin ~~ [ v1.* ]", GS_LINT_CLAIM_WORDS,
     "v0.14.1"},
    {GS_LINT_SAYS_BY_HAND, "ssh into ~ run|configure|execute", GS_LINT_CLAIM_SENTENCE,
     "Replace the instance by one that cuts its GPUs at boot: MIG is changed on idle GPUs only, "
     "mostly with a reset or reboot, and what is done by hand is lost with the node"},
    {GS_LINT_SAYS_BY_HAND, "[ enable on existing instances|nodes ]", GS_LINT_CLAIM_WORDS,
     "Replace Existing Instances"},
    {GS_LINT_LAUNCH_TEMPLATE, "[ custom ami or launch template* ]", GS_LINT_CLAIM_WORDS,
     "**Custom AMI (`amiSelectorTerms`) or User Data**"},
    {GS_LINT_LAUNCH_TEMPLATE, "instances pre-configured with mig", GS_LINT_CLAIM_SENTENCE,
     "A layout does not outlive a reboot: the node class's user data has a step that cuts the GPUs "
     "at each boot, before the kubelet starts"},
    {GS_LINT_SAYS_SLICES_A_GPU, "[ # - # slices per|a gpu ~ optimal|best ~ workloads ]",
     GS_LINT_CLAIM_WORDS, "by measuring each workload on the profile that it is to use"},
    {GS_LINT_SAYS_OVERSUBSCRIBED, "[ avoid oversubscription $ ]", GS_LINT_CLAIM_WORDS,
     "**Sharing a Slice**"},
    {GS_LINT_SAYS_OVERSUBSCRIBED, "memory and compute ~ sufficient for concurrent",
     GS_LINT_CLAIM_SENTENCE,
     "A slice belongs to one container, so that the scheduler cannot give out too many; several "
     "processes share one slice by MPS, and time-slicing has no effect on it"},
    {GS_LINT_SAYS_DASHBOARDS, "karpenter dashboard*", GS_LINT_CLAIM_SENTENCE,
     "`gpuslice-agent` exports slices and their use to Prometheus, Karpenter its nodes; neither it "
     "nor CloudWatch shows what a slice costs"},
    {GS_LINT_SAYS_VGPU, "[ virtual gpus vgpus ]", GS_LINT_CLAIM_WORDS,
     "hardware partitions (MIG instances)"},
    {GS_LINT_SAYS_VGPU, "slic*|mig ~~ [ vgpus|vgpu ]", GS_LINT_CLAIM_WORDS, "MIG instances"},
    {GS_LINT_SAYS_FULLY_USED, "slic* ~ gpu* ~ fully utilized|utilised|used", GS_LINT_CLAIM_SENTENCE,
     "GPU slicing raises the use of expensive hardware; what stays unused is slices that fit no "
     "pod, profiles larger than needed, and new nodes while they boot"},
    {GS_LINT_SAYS_OPERATOR_NEEDED, "need to use|install|deploy ~ gpu operator",
     GS_LINT_CLAIM_SENTENCE,
     "GPU slicing on EKS takes a device plugin that offers MIG devices and a step at boot that "
     "cuts the GPUs: gpuslice-agent and gpuslice-boot, or NVIDIA's GPU Operator"},
    {GS_LINT_SAYS_OPERATOR_NEEDED, "[ install ~ gpu operator to manage ~ cluster ]",
     GS_LINT_CLAIM_WORDS, "One way to have a device plugin; gpuslice-agent is another"},
    {GS_LINT_SAYS_OPERATOR_NEEDED, "[ install the nvidia gpu operator $ ]", GS_LINT_CLAIM_WORDS,
     "Install a device plugin: the NVIDIA GPU Operator, or gpuslice-agent"},
    {GS_LINT_SAYS_KUBERNETES,
     "kubernetes ~ [ 1.1*|1.20|1.21|1.22|1.23|1.24|1.25 ] or later|newer|higher|above",
     GS_LINT_CLAIM_WORDS, "1.34"},
    {GS_LINT_SAYS_ENABLES_MIG, "values* ~ operator to enable mig", GS_LINT_CLAIM_SENTENCE,
     "Create a `values.yaml` file for the GPU Operator with which it offers each profile as a "
     "resource of its own"},
    {GS_LINT_SAYS_ENABLES_MIG, "configuring ~ operator to enable mig", GS_LINT_CLAIM_SENTENCE,
     "That is done by a step at boot (gpuslice-boot), or by the operator's mig-manager on nodes "
     "with the label `nvidia.com/mig.config`; `mig.strategy` only says how slices are offered"},
    {GS_LINT_SAYS_ENABLES_MIG, "[ update ~ device plugin to enable mig support ]",
     GS_LINT_CLAIM_WORDS, "Let the NVIDIA device plugin offer MIG devices"},
    {GS_LINT_SAYS_SLICE_SIZE, "[ 1|one gpu engine and 5gb memory ]", GS_LINT_CLAIM_WORDS,
     "one of the seven compute slices and 5 GB of a 40 GB A100; of an 80 GB one it is "
     "`mig-1g.10gb`"},
    {GS_LINT_SAYS_SLICE_SIZE, "[ one|a 1gb mig slice ]", GS_LINT_CLAIM_WORDS,
     "one slice: one of seven compute slices, with 5 GB"},
};
const size_t gs_lint_n_claims = GS_ARRAY_LEN(gs_lint_claims);
