"""Experiments: declared, started, stopped, decided, and what came of them."""

from leadflow_pipeline.service.api.experiments.routes import experiments_router

__all__ = ["experiments_router"]
