"""The release door: planned touches that are due become messages in the outbox, each once (`door`)."""

from leadflow_pipeline.delivery.release.door import Released, count_due_touches, release_due

__all__ = ["Released", "count_due_touches", "release_due"]
