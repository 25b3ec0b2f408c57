"""Reps: who there is, when they are away, how much room they have, and how they do."""

from leadflow_pipeline.service.api.reps.performance import rep_performance_router
from leadflow_pipeline.service.api.reps.routes import reps_router

__all__ = ["rep_performance_router", "reps_router"]
