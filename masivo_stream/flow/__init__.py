"""The flow: joins the decisions of `core` and the actions of `edges` into what each command does."""
