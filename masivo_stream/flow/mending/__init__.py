"""Dead letters between runs: what is wrong with them, and how they are corrected or given up."""
