"""Names that differ between an import, a distribution and a conda package. Facts only; one pair or set a line."""

# An import name and its distribution.
IMPORTS = """
orbax orbax-checkpoint
tiktoken_ext tiktoken
ibm_boto3 ibm-cos-sdk
ibm_botocore ibm-cos-sdk
ibm_watson_machine_learning ibm-watson-machine-learning
label_studio_sdk label-studio-sdk
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
antlr4 antlr4-python3-runtime
apache_beam apache-beam
attr attrs
aws_cdk aws-cdk-lib
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
BCBio bcbio-gff
Bio biopython
blib2to3 black
bs4 beautifulsoup4
bson pymongo
caffe2 torch
cairo pycairo
cairosvg CairoSVG
cartopy Cartopy
category_encoders category-encoders
clr pythonnet
comet_ml comet-ml
confluent_kafka confluent-kafka
cpuinfo py-cpuinfo
Crypto pycryptodome
Cryptodome pycryptodomex
currency_converter CurrencyConverter
cv2 opencv-python
cx_Oracle cx-Oracle
dash_bootstrap_components dash-bootstrap-components
dash_core_components dash-core-components
dash_html_components dash-html-components
databricks.connect databricks-connect
databricks.feature_store databricks-feature-store
databricks.sdk databricks-sdk
databricks.sql databricks-sql-connector
databricks.vector_search databricks-vectorsearch
databricks_cli databricks-cli
dateutil python-dateutil
dbus dbus-python
delta delta-spark
discord discord.py
django Django
django_filters django-filter
dns dnspython
docx python-docx
dotenv python-dotenv
duckdb_engine duckdb-engine
ecmwfapi ecmwf-api-client
editor python-editor
ee earthengine-api
elasticsearch_dsl elasticsearch-dsl
email_validator email-validator
engineio python-engineio
faiss faiss-cpu
fastapi_utils fastapi-utils
ffmpeg ffmpeg-python
fiona Fiona
fitz PyMuPDF
flask Flask
flask_admin Flask-Admin
flask_apispec flask-apispec
flask_bcrypt Flask-Bcrypt
flask_caching Flask-Caching
flask_cors Flask-Cors
flask_jwt_extended Flask-JWT-Extended
flask_limiter Flask-Limiter
flask_login Flask-Login
flask_mail Flask-Mail
flask_marshmallow flask-marshmallow
flask_migrate Flask-Migrate
flask_restful Flask-RESTful
flask_restx flask-restx
flask_smorest flask-smorest
flask_socketio Flask-SocketIO
flask_sqlalchemy Flask-SQLAlchemy
flask_wtf Flask-WTF
gdal GDAL
geoalchemy2 GeoAlchemy2
gi PyGObject
git GitPython
github PyGithub
gitlab python-gitlab
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
googleapiclient google-api-python-client
graphene_django graphene-django
graphql graphql-core
great_expectations great-expectations
grpc grpcio
grpc_status grpcio-status
grpc_tools grpcio-tools
huggingface_hub huggingface-hub
hydra hydra-core
hydra_plugins.hydra_optuna_sweeper hydra-optuna-sweeper
imagehash ImageHash
imageio_ffmpeg imageio-ffmpeg
imblearn imbalanced-learn
impala impyla
imwatermark invisible-watermark
influxdb_client influxdb-client
IPython ipython
jinja2 Jinja2
jose python-jose
jpype JPype1
jupyter_client jupyter-client
jupyter_core jupyter-core
jwt PyJWT
kafka kafka-python
kedro_datasets kedro-datasets
keras_applications Keras-Applications
keras_preprocessing Keras-Preprocessing
keras_tuner keras-tuner
kerastuner keras-tuner
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
Levenshtein python-Levenshtein
lightning_fabric lightning-fabric
linear_operator linear-operator
llama_cpp llama-cpp-python
llama_index llama-index
llama_index.core llama-index-core
llama_index.embeddings.huggingface llama-index-embeddings-huggingface
llama_index.embeddings.openai llama-index-embeddings-openai
llama_index.llms.openai llama-index-llms-openai
magic python-magic
markdown Markdown
markdown_it markdown-it-py
markupsafe MarkupSafe
marshmallow_sqlalchemy marshmallow-sqlalchemy
mastodon Mastodon.py
matplotlib_venn matplotlib-venn
memcache python-memcached
memory_profiler memory-profiler
ml_collections ml-collections
ml_dtypes ml-dtypes
mosek Mosek
mpl_toolkits matplotlib
mpl_toolkits.basemap basemap
multipart python-multipart
mysql mysql-connector-python
mysql.connector mysql-connector-python
MySQLdb mysqlclient
nacl PyNaCl
nvidia.dali nvidia-dali-cuda120
ogr GDAL
onnx_tf onnx-tf
opencensus.ext.azure opencensus-ext-azure
OpenGL PyOpenGL
OpenSSL pyOpenSSL
opentelemetry opentelemetry-api
opentelemetry.sdk opentelemetry-sdk
osgeo GDAL
osr GDAL
paho paho-mqtt
pandas_datareader pandas-datareader
pandas_gbq pandas-gbq
pandas_market_calendars pandas-market-calendars
pandas_profiling pandas-profiling
pandas_ta pandas-ta
past future
patoolib patool
PIL Pillow
pkg_resources setuptools
pl_bolts pytorch-lightning-bolts
planetary_computer planetary-computer
playhouse peewee
plotly_express plotly-express
prefect_aws prefect-aws
prefect_gcp prefect-gcp
prometheus_client prometheus-client
prometheus_flask_exporter prometheus-flask-exporter
pulp PuLP
pwiz peewee
py pytest
pycountry_convert pycountry-convert
pydantic_settings pydantic-settings
pydrive PyDrive
pydrive2 PyDrive2
pygments Pygments
pyhive PyHive
PyInstaller pyinstaller
pylab matplotlib
pymysql PyMySQL
pynvml nvidia-ml-py
pyomo Pyomo
pypfopt PyPortfolioOpt
pyro pyro-ppl
pyscipopt PySCIPOpt
pystac_client pystac-client
pytest_mock pytest-mock
pythoncom pywin32
pytorch_forecasting pytorch-forecasting
pytorch_grad_cam grad-cam
pytorch_lightning pytorch-lightning
pytorch_metric_learning pytorch-metric-learning
pytorch_pretrained_bert pytorch-pretrained-bert
pytorch_tabnet pytorch-tabnet
pytorch_transformers pytorch-transformers
pywintypes pywin32
pywt PyWavelets
pyximport Cython
rank_bm25 rank-bm25
requests_cache requests-cache
requests_html requests-html
requests_oauthlib requests-oauthlib
requests_toolbelt requests-toolbelt
rest_framework djangorestframework
rouge_score rouge-score
rtree Rtree
ruamel ruamel.yaml
satsearch sat-search
satstac sat-stac
sb3_contrib sb3-contrib
scikit_posthocs scikit-posthocs
scikitplot scikit-plot
scvi scvi-tools
segment_anything segment-anything
segmentation_models_pytorch segmentation-models-pytorch
seleniumwire selenium-wire
sentence_transformers sentence-transformers
sentry_sdk sentry-sdk
serial pyserial
setuptools_scm setuptools-scm
shapefile pyshp
skbio scikit-bio
skfuzzy scikit-fuzzy
skimage scikit-image
sklearn scikit-learn
sklearn_pandas sklearn-pandas
sklearnex scikit-learn-intelex
skmultilearn scikit-multilearn
skopt scikit-optimize
sksurv scikit-survival
skvideo sk-video
slack slackclient
slack_sdk slack-sdk
slugify python-slugify
smart_open smart-open
snowflake.connector snowflake-connector-python
snowflake.ml snowflake-ml-python
snowflake.snowpark snowflake-snowpark-python
snowflake.sqlalchemy snowflake-sqlalchemy
socketio python-socketio
socks PySocks
spacy_transformers spacy-transformers
speech_recognition SpeechRecognition
sphinx Sphinx
sphinx_rtd_theme sphinx-rtd-theme
sqlalchemy SQLAlchemy
sqlalchemy_bigquery sqlalchemy-bigquery
sqlalchemy_utils SQLAlchemy-Utils
stable_baselines3 stable-baselines3
swagger_ui_bundle swagger-ui-bundle
talib TA-Lib
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
tlz toolz
torch_cluster torch-cluster
torch_fidelity torch-fidelity
torch_geometric torch-geometric
torch_scatter torch-scatter
torch_sparse torch-sparse
torch_spline_conv torch-spline-conv
torch_xla torch-xla
twitter python-twitter
typing_extensions typing-extensions
umap umap-learn
unidecode Unidecode
usb pyusb
vertexai google-cloud-aiplatform
volcenginesdkarkruntime volcengine-python-sdk
weasyprint WeasyPrint
websocket websocket-client
werkzeug Werkzeug
whisper openai-whisper
win32api pywin32
win32com pywin32
win32con pywin32
win32gui pywin32
wtforms WTForms
wx wxPython
Xlib python-xlib
xlsxwriter XlsxWriter
yaml PyYAML
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
