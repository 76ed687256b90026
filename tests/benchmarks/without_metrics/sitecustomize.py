"""Python reads this at its start where the folder is on its path: the server then counts nothing, to be measured."""

from agenttrace_server.ingest import counting, upload
from agenttrace_server.interceptors import rpc_metrics

counting.Counting._count = lambda *_: None
upload.Upload._count = lambda *_: None
rpc_metrics._counting_messages = lambda handler, _: handler
