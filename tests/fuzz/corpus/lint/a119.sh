kubectl get nodes --selector=nvidia.com/mig.profile=mig-2g.10gb
