#!/bin/bash
set -e
python -m pip install -r ../requirements.txt
pip install \
    tensorflow==2.9.0 \
    keras
# pip install commented
echo "pip install nothing" > /dev/null
