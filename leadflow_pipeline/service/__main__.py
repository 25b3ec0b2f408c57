"""`python -m leadflow_pipeline.service`: the service as a process of its own, as `leadflow up` starts it."""

from leadflow_pipeline.service.app import serve

serve()
