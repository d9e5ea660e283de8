FROM rocker/r-ver:4.1.0
RUN install2.r --error --skipinstalled shiny DT \
  && R -e "install.packages(c('plumber', 'yaml'), repos = 'https://cran.example.org')"
RUN Rscript -e 'remotes::install_github("tidymodels/parsnip@main")'
RUN apt-get install -y r-cran-dplyr
