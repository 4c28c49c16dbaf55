"""The commands: one file each, with its public function in it."""
