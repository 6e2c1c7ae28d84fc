"""Advisories about watched packages, from OSV: who is affected, what is told of it, and what is only known."""
