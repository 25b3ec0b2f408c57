"""Launching Dagster runs from other processes, through the webserver, so that they wait in its queue like any other.

What belongs here: what a run is asked for, that it is launched once, and reading how runs are. What does not: who may
ask (`service`), and what a run computes. Nothing here imports Dagster, which takes seconds and memory.

    from leadflow_pipeline.launching.launcher import launch
    from leadflow_pipeline.launching.wanted import assets_run, days_run, training_run

`launch(engine, wanted, ticket=..., asked=..., actor=..., correlation_id=...) -> LaunchedRun`. Routes of the service
call `service.api.launches.launched_once`, which does that and answers.
"""
