helm repo update
helm install --wait --generate-name \
  -n gpu-operator --create-namespace \
  nvidia/gpu-operator
helm upgrade --install gpu-operator nvidia/gpu-operator \
  -n gpu-operator \
  -f values.yaml
# on EKS
