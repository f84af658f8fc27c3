#!/bin/bash
# drivers
sudo apt-get update && sudo apt-get install -y nvidia-driver-525
sudo reboot

sudo nvidia-smi -L
# on EKS
