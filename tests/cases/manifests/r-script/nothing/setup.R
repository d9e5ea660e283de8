# install.packages("no")
library(dplyr)
options(scipen = 9)
