"""Object storage: S3, Google Cloud Storage, Azure Blob Storage, and files behind https."""
