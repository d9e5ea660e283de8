# what the notebooks need
install.packages(c("tidyverse", "sf"), repos = "https://cran.example.org")
remotes::install_github("shop/pricing@v1.2")
# install.packages("no")
