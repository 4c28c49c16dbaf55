"""What the account returns for records that were accepted."""
