resource "aws_glue_job" "train" {
  name     = "train"
  role_arn = aws_iam_role.jobs.arn

  command {
    script_location = "s3://shop-jobs/train.py"
  }

  default_arguments = {
    "--enable-metrics"            = "true"
    "--additional-python-modules" = "lightgbm==4.3.0,scikit-learn"
  }
}
