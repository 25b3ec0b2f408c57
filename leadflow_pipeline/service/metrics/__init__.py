"""`/metrics`: numbers for Prometheus about the service and the pipeline. No personal data, few label values.

What belongs here: what is counted in this process (`requests`), what is read from the database when somebody asks
(`pipeline`, a door), and the answer (`routes`). What does not: what is alarming (`delivery.alerts`), and pictures (the
dashboard in `service/grafana`).
"""
