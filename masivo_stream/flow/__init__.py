"""The flow: joins machines and edges into the journeys people ask for."""
