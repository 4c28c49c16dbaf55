"""The words: plain frozen values that the machines, the edges and the people speak with."""
