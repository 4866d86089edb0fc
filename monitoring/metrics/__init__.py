"""`/metrics` for Prometheus: figures of the whole of Hub, the same from whichever web process is asked.

calls             what processes count themselves, kept in Redis
beat              when beat last sent a task
from_postgresql   queues, health, alerts, limits, the rollup, partitions and sessions, read when somebody asks
from_redis        what is kept there: calls, circuits, Celery's queues, beat
collector         all of it, read at most every few seconds
page              who may see it
"""
