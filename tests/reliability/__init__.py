"""Runs killed, stopped and harmed at random, compared with runs that were left alone.

``python -m tests.reliability --out docs/reliability.md`` makes the page of all trials.
"""
