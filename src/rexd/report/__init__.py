"""What rexd gives away of its work: a page with pictures, a model card, and graphs that other runtimes compute.

``rexd.report.page`` makes the page of ``rexd report`` (docs/report.md) of ``material``; ``card`` writes the model card,
and ``onnx_graph`` the graph of a reward or a policy. matplotlib, jinja2 and onnx are imported where they are used.
"""
