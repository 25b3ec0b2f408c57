"""Benchmarks: they print a table and JSON, compare two things in one run, and are no timed tests.

Run one with `python -m leadflow_pipeline_tests.benchmarks.<name> --help`.
"""
