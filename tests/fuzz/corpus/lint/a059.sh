#!/bin/bash
sudo nvidia-smi mig -cgi 3
