# A fleet as a stack. What to upload is made by
#   muster deploy orders --package-only package --bucket BUCKET
variable "bucket" {
  description = "The bucket that the package was made for."
  type        = string
}

variable "handler" {
  description = "ARN of the function that processes messages, with its alias."
  type        = string
}

locals {
  package  = "${path.module}/package"
  template = one(fileset(local.package, "fleet-*.yaml"))
}

data "aws_region" "current" {}

# Files are named by their content: what has not changed is not uploaded again.
resource "aws_s3_object" "package" {
  for_each = fileset(local.package, "*")
  bucket   = var.bucket
  key      = "code/${each.value}"
  source   = "${local.package}/${each.value}"
}

resource "aws_cloudformation_stack" "orders" {
  name         = "orders"
  template_url = "https://${var.bucket}.s3.${data.aws_region.current.name}.amazonaws.com/code/${local.template}"
  capabilities = ["CAPABILITY_IAM"]
  parameters = {
    ProcessHandler = var.handler
    MaxConcurrency = 20
  }
  tags       = { "muster:fleet" = "orders" }
  depends_on = [aws_s3_object.package]
}

output "queue_url" {
  value = aws_cloudformation_stack.orders.outputs["QueueUrl"]
}
