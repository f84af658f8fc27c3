kubectl describe node n | grep "nvidia.com/mig"
