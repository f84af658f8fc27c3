#!/bin/bash
sudo nvidia-smi mig -g 0 -i 3
