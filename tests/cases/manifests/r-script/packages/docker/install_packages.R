BiocManager::install("limma")
if (!requireNamespace("targets", quietly = TRUE)) install.packages('targets')
