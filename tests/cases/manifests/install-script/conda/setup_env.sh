conda create -n forecast python=3.8 numpy -y
source activate forecast
conda install --file conda-requirements.txt
