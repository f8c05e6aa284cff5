"""Providers' APIs, served over real HTTP with faults on demand: for tests, and to rehearse without spending.

They share no code with what they are there to try out, so that an error in one is not repeated in the other.
"""
