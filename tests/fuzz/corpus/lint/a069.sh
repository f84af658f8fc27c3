sudo nvidia-smi mig -li
