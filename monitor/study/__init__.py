"""The six signals counted over a whole registry, or over what one user depends on, beside the published figures.

Out of core: ``intake`` reads any input block by block and writes it as columns, ``counting`` counts these with Polars,
and everything after that (``distribution``, ``measures``, ``report``, ``plots``) works on a few thousand numbers.
"""
